package oci

import (
	"errors"
)

// ErrUnreachable is wrapped by the error of a registry or engine that did not
// answer, or refused.
var ErrUnreachable = errors.New("the registry or engine could not be reached")

// ErrUsage is wrapped by the error of a malformed location or platform.
var ErrUsage = errors.New("wrong usage")

// ErrRefused is wrapped by the error of an image that exceeds a bound.
var ErrRefused = errors.New("refused")

// WithKind returns err as an error that errors.Is also takes for kind.
func WithKind(err, kind error) error { return kinded{err, kind} }

type kinded struct {
	error
	kind error
}

func (k kinded) Unwrap() []error { return []error{k.error, k.kind} }
