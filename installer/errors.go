package installer

import (
	"errors"
	"fmt"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/hint"
)

// ErrRefused is what an error wraps where a root does not want a certificate.
var ErrRefused = errors.New("the input was refused")

// blocked is the error of a certificate that a root does not want.
func blocked(c *certs.Certificate, why string) error {
	return hint.Add(fmt.Errorf("%w: %s is not to be trusted in this root: %s", ErrRefused, c.Subject(), why),
		"leave it out, or install it all the same with --override-blocklist")
}
