package image

import "errors"

// ErrUnreachable is what an error wraps where a registry or engine did not
// answer, or refused.
var ErrUnreachable = errors.New("the registry or engine could not be reached")

// ErrUsage is what an error wraps where a location or platform is not well
// named.
var ErrUsage = errors.New("wrong usage")

// hinted is an error that knows what to do next.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// Hint returns the advice to print below the error.
func (h hinted) Hint() string { return h.hint }

// marked is an error that errors.Is takes for kind, too.
type marked struct {
	error
	kind error
}

func (m marked) Unwrap() []error { return []error{m.error, m.kind} }
