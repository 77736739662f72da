package installer

import (
	"errors"
	"fmt"

	"github.com/certgraft/certgraft/certs"
)

// ErrRefused is what an error wraps where a root does not want a certificate.
var ErrRefused = errors.New("the input was refused")

// blocked is the error of a certificate that a root does not want.
func blocked(c *certs.Certificate, why string) error {
	return hinted{fmt.Errorf("%w: %s is not to be trusted in this root: %s", ErrRefused, c.Subject(), why),
		"leave it out, or install it all the same with --override-blocklist"}
}

// hinted is an error that knows what to do next.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// Hint returns the advice to print below the error.
func (h hinted) Hint() string { return h.hint }
