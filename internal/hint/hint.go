// Package hint gives errors advice: what a user can do about them, which is
// printed below the error and is no part of its text.
//
// Start with [Add]. [Of] returns the advice of an error, to print it.
package hint

import "slices"

// Error is an error with advice. Look for one with [errors.AsType].
type Error struct {
	error
	advice string
}

// Add returns err with advice, which is a sentence without a capital or a period.
func Add(err error, advice string) error { return Error{err, advice} }

// Unwrap returns the error without this advice.
func (e Error) Unwrap() error { return e.error }

// Hint returns the advice.
func (e Error) Hint() string { return e.advice }

// Of returns the advice that err and the errors in it carry, each once, the
// outermost first. It counts what has a method Hint.
func Of(err error) (found []string) {
	if h, ok := err.(interface{ Hint() string }); ok && h.Hint() != "" {
		found = append(found, h.Hint())
	}
	var inner []error
	switch e := err.(type) { //nolint:errorlint // this walks the tree of wrapped errors itself
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
