package certs

import "crypto/x509"

// ServerRoots returns the CAs for servers: those of the running system, or, in
// an image without CAs, the Mozilla roots in this program.
func ServerRoots() *x509.CertPool {
	pool, err := x509.SystemCertPool()
	if err == nil && !pool.Equal(x509.NewCertPool()) {
		return pool
	}
	pool = x509.NewCertPool()
	roots, _ := MozillaRoots()
	for c := range roots.All() {
		pool.AddCert(c.X509())
	}
	return pool
}
