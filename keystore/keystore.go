// Package keystore reads and edits Java's trust stores, in the JKS format and
// in PKCS#12.
//
// Start with [Open], which detects the format. [Store.Add] and [Store.Remove]
// change the trusted certificates. [Store.Encode] returns the file with the
// same format, password and protection. Other entries keep their bytes. The
// same edits of the same file give the same bytes on any machine.
//
// The package edits only trusted certificates. It keeps private keys and their
// chains without reading them. [Certificates] is for a file to install: it
// returns every certificate, and refuses a store with a key.
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

// DefaultPassword is the usual password of cacerts files. It is not a secret:
// it prevents accidents, not attacks.
const DefaultPassword = "changeit"

// Errors of [Open], for [errors.Is].
var (
	// ErrPassword is the error of a store with another password, or with bytes
	// that were changed without it. The two look alike.
	ErrPassword = errors.New("the password is wrong, or the file is damaged")
	// ErrFormat is the error of a file that is neither JKS nor PKCS#12.
	ErrFormat = errors.New("neither a JKS nor a PKCS#12 trust store")
	// ErrUnsupported is the error of a store with an unknown protection.
	ErrUnsupported = errors.New("the protection of the store is not known")
)

// Entry is a trusted certificate.
type Entry struct {
	Alias   string    // as in the file; Java ignores its case
	Created time.Time // shown by keytool; PKCS#12 does not have it
	Cert    *certs.Certificate
}

// Store is a trust store.
type Store interface {
	// Format returns JKS or PKCS#12.
	Format() string
	// Entries returns the trusted certificates in the order of the file. It
	// leaves out those that package certs refuses; they stay in the file.
	Entries() []Entry
	// Add appends a trusted certificate. If the alias is taken, Add appends a
	// number to it.
	Add(Entry) error
	// Remove removes the trusted certificates for which drop is true.
	Remove(drop func(Entry) bool) error
	// Cut is Remove, and returns the removed entries for Restore. Restore skips an
	// entry whose alias exists.
	Cut(drop func(Entry) bool) ([]Piece, error)
	Restore([]Piece) error
	// Encode returns the file.
	Encode() ([]byte, error)
}

// Open reads a store. It tries each password. A PKCS#12 file without protection
// needs none.
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

// WithoutPassword reads a store as Java does without a password. It does not
// check the signature of the file, whose password only prevents accidents. An
// encrypted PKCS#12 file gives [ErrPassword].
func WithoutPassword(data []byte) (Store, error) {
	switch {
	case len(data) >= 12+sha1.Size && bytes.Equal(data[:4], jksMagic):
		return readJKS(data[:len(data)-sha1.Size])
	case len(data) > 0 && data[0] == 0x30:
		return readPKCS12(data, &pkcs12{sealed: true})
	}
	return nil, ErrFormat
}

// attempt returns the result of open for the first password that is not wrong.
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

// unique returns an alias that is not taken.
func unique(alias string, taken func(string) bool) string {
	name := alias
	for n := 1; taken(name); n++ {
		name = alias + "-" + digits(n)
	}
	return name
}
