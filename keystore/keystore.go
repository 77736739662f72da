// Package keystore reads and edits the trust stores of Java: files in the JKS
// format and in PKCS#12.
//
// Start with [Open], which finds out the format. [Store.Add] and [Store.Remove]
// change what is trusted, and [Store.Encode] returns the file: in the format,
// with the password and with the protection that it had, entries of others byte
// for byte as they were. The same edits of the same file give the same bytes on
// any machine.
//
// Only trusted certificates are looked at. Private keys and their chains, where
// a store has any, are carried along unread. [Certificates] is for a file that is
// to be installed: it returns every certificate, and refuses a store with a key.
//
// The API may change before version 1.0.
package keystore

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"time"

	"github.com/certgraft/certgraft/certs"
)

// DefaultPassword is the password of every cacerts file that nobody changed. It
// is no secret: it guards against accidents, not against people.
const DefaultPassword = "changeit"

// Errors of [Open], to be told apart with [errors.Is].
var (
	// ErrPassword is what a store says whose password is another one, or whose
	// bytes were changed without it: the two look alike.
	ErrPassword = errors.New("the password is wrong, or the file is damaged")
	// ErrFormat is what is neither JKS nor PKCS#12.
	ErrFormat = errors.New("neither a JKS nor a PKCS#12 trust store")
	// ErrUnsupported is a store that is protected in a way that is not known here.
	ErrUnsupported = errors.New("the protection of the store is not known")
)

// Entry is a trusted certificate.
type Entry struct {
	Alias   string    // as in the file, which Java takes without regard to case
	Created time.Time // shown by keytool; PKCS#12 has none
	Cert    *certs.Certificate
}

// Store is a trust store.
type Store interface {
	// Format is JKS or PKCS#12.
	Format() string
	// Entries returns the trusted certificates in the order of the file. Those
	// that package certs refuses are left out, and stay in the file.
	Entries() []Entry
	// Add appends a trusted certificate. Where the alias is taken, a number is
	// appended to it.
	Add(Entry) error
	// Remove takes away the trusted certificates that drop picks.
	Remove(drop func(Entry) bool) error
	// Cut takes them away as Remove does, and returns what Restore puts back. An
	// entry whose alias is there is not put back.
	Cut(drop func(Entry) bool) ([]Piece, error)
	Restore([]Piece) error
	// Encode returns the file.
	Encode() ([]byte, error)
}

// Open reads a store. The passwords are tried in turn; a PKCS#12 file without
// protection needs none.
func Open(data []byte, passwords ...string) (Store, error) {
	switch {
	case len(data) >= 4 && bytes.Equal(data[:4], jksMagic):
		return attempt(passwords, func(password string) (Store, error) { return openJKS(data, password) })
	case len(data) >= 4 && bytes.Equal(data[:4], jceksMagic):
		return nil, errors.New("a JCEKS store, which may hold secrets and is not edited")
	case len(data) > 0 && data[0] == 0x30:
		return attempt(append(passwords, ""), func(password string) (Store, error) { return openPKCS12(data, password) })
	}
	return nil, ErrFormat
}

// WithoutPassword reads a store as Java does that is given no password, to look at
// it: the password with which a file is signed guards against accidents alone, and
// is not asked for; a PKCS#12 file that is encrypted is [ErrPassword].
func WithoutPassword(data []byte) (Store, error) {
	switch {
	case len(data) >= 12+sha1.Size && bytes.Equal(data[:4], jksMagic):
		return readJKS(data[:len(data)-sha1.Size])
	case len(data) > 0 && data[0] == 0x30:
		return readPKCS12(data, &pkcs12{sealed: true})
	}
	return nil, ErrFormat
}

// attempt returns what open returns for the first password that is not wrong.
func attempt(passwords []string, open func(password string) (Store, error)) (Store, error) {
	err := ErrPassword
	for _, password := range passwords {
		var s Store
		if s, err = open(password); !errors.Is(err, ErrPassword) {
			return s, err
		}
	}
	return nil, err
}

// unique returns an alias that taken does not know.
func unique(alias string, taken func(string) bool) string {
	name := alias
	for n := 1; taken(name); n++ {
		name = alias + "-" + digits(n)
	}
	return name
}
