// Package hint adds advice to errors: what a user can do. The advice is printed
// below the error and is not part of its text.
//
// Start with [Add]. [Of] returns the advice of an error.
package hint

import "slices"

// Error is an error with advice. Look for one with [errors.AsType].
type Error struct {
	error
	advice string
}

// Add returns err with advice. Advice is a sentence without capital and period.
func Add(err error, advice string) error { return Error{err, advice} }

// Unwrap returns the error without this advice.
func (e Error) Unwrap() error { return e.error }

// Hint returns the advice.
func (e Error) Hint() string { return e.advice }

// Of returns the advice of err and of the errors in it, each once, the outermost
// first. Every error with a method Hint has advice.
func Of(err error) (found []string) {
	if h, ok := err.(interface{ Hint() string }); ok && h.Hint() != "" {
		found = append(found, h.Hint())
	}
	var inner []error
	switch e := err.(type) { //nolint:errorlint // this walks the tree of wrapped errors
	case interface{ Unwrap() error }:
		inner = []error{e.Unwrap()}
	case interface{ Unwrap() []error }:
		inner = e.Unwrap()
	}
	for _, err := range inner {
		for _, advice := range Of(err) {
			if !slices.Contains(found, advice) {
				found = append(found, advice)
			}
		}
	}
	return found
}
