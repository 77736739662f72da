package keystore

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/certgraft/certgraft/certs"
)

// Looks reports whether data begins as a keystore does. Neither a certificate
// nor PKCS#7 begins so.
func Looks(data []byte) bool {
	if bytes.HasPrefix(data, jksMagic) || bytes.HasPrefix(data, jceksMagic) {
		return true
	}
	in := cryptobyte.String(data)
	var pfx cryptobyte.String
	var version int
	if in.ReadASN1(&pfx, der.SEQUENCE) {
		return pfx.ReadASN1Integer(&version) && version == 3 && pfx.PeekASN1Tag(der.SEQUENCE)
	}
	const indefinite = "\x30\x80\x02\x01\x03\x30" // BER, which Firefox and Windows write
	return bytes.HasPrefix(data, []byte(indefinite))
}

// Certificates returns every certificate in a keystore. This includes unmarked
// ones, which Java does not trust: openssl pkcs12 -export -nokeys writes them.
// It tries each password, and none. The error wraps [certs.ErrPrivateKey] if
// the store holds a key. Most files show a key even without the password.
func Certificates(data []byte, passwords ...string) ([]*certs.Certificate, error) {
	s, err := Open(data, passwords...)
	switch {
	case errors.Is(err, ErrPassword) && hasPlainKey(data):
		return nil, certs.ErrPrivateKey
	case err != nil:
		return nil, err
	}
	contents := s.(interface { // both formats implement it
		all() (found []*certs.Certificate, err error)
	})
	found, err := contents.all()
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("%w: it is a %s keystore without one", certs.ErrNoCertificate, s.Format())
	}
	return found, err
}

func (s *jks) all() (found []*certs.Certificate, err error) {
	for _, e := range s.entries {
		switch {
		case e.key:
			return nil, certs.ErrPrivateKey
		case e.trust:
			found = append(found, e.Cert)
		}
	}
	return found, nil
}

func (s *pkcs12) all() (found []*certs.Certificate, err error) {
	for _, p := range s.safes {
		if p.sealed {
			return nil, fmt.Errorf("a part that is encrypted for one recipient: %w", ErrUnsupported)
		}
		for _, b := range p.bags {
			switch {
			case b.secret:
				return nil, certs.ErrPrivateKey
			case b.Cert != nil:
				found = append(found, b.Cert)
			}
		}
	}
	return found, nil
}

// hasPlainKey reports whether a store with an unknown password holds a visible
// private key: keys are encrypted one by one.
func hasPlainKey(data []byte) bool {
	if bytes.HasPrefix(data, jksMagic) {
		s, err := readJKS(data[:max(len(data)-sha1.Size, 0)])
		if err != nil {
			return false
		}
		_, err = s.all()
		return err != nil
	}
	in := cryptobyte.String(data)
	var pfx, authSafe, list cryptobyte.String
	var version int
	if !in.ReadASN1(&pfx, der.SEQUENCE) || !pfx.ReadASN1Integer(&version) {
		return false
	}
	_, content, ok := readContentInfo(&pfx)
	if !ok || !content.ReadASN1(&authSafe, der.OCTET_STRING) || !authSafe.ReadASN1(&list, der.SEQUENCE) {
		return false
	}
	for !list.Empty() {
		kind, content, ok := readContentInfo(&list)
		if !ok {
			return false
		}
		var part safe
		if kind.Equal(oidData) && part.read(kind, content, "") == nil && part.secret() {
			return true
		}
	}
	return false
}

func (p *safe) secret() bool {
	for _, b := range p.bags {
		if b.secret {
			return true
		}
	}
	return false
}
