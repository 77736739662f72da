package oci

import (
	"errors"
)

// ErrUnreachable is what an error wraps where a registry or engine did not
// answer, or refused.
var ErrUnreachable = errors.New("the registry or engine could not be reached")

// ErrUsage is what an error wraps where a location or platform is not well
// named.
var ErrUsage = errors.New("wrong usage")

// ErrRefused is what an error wraps where an image is larger than what is read of
// one.
var ErrRefused = errors.New("refused")

// WithKind returns an error that errors.Is takes for kind, too.
func WithKind(err, kind error) error { return kinded{err, kind} }

type kinded struct {
	error
	kind error
}

func (k kinded) Unwrap() []error { return []error{k.error, k.kind} }
