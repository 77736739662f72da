package certs

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
)

// KeyName names the kind of public key: "RSA 2048", "ECDSA P-256", "Ed25519".
// It is "" if crypto/x509 cannot read the key or the certificate.
func (c *Certificate) KeyName() string {
	x := c.X509()
	if x == nil {
		return ""
	}
	switch key := x.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return ""
}
