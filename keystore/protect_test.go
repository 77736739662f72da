package keystore

import (
	"encoding/asn1"
	"errors"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// With any cipher, the key derivation of a file cannot take unbounded time.
func TestEndlessDerivation(t *testing.T) {
	for name, last := range map[string]int{"3DES": 3, "RC2 of 128 bits": 5, "RC2 of 40 bits": 6} {
		var b cryptobyte.Builder
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, last})
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1OctetString([]byte("salt"))
				b.AddASN1Int64(1<<31 - 1)
			})
		})
		algorithm := b.BytesOrPanic()
		var file cryptobyte.Builder
		file.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(3)
			addData(b, encrypted(algorithm))
		})
		done := make(chan error, 1)
		go func() {
			_, err := Open(file.BytesOrPanic(), DefaultPassword)
			done <- err
		}()
		select {
		case err := <-done:
			if err == nil || errors.Is(err, ErrPassword) || errors.Is(err, ErrFormat) {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: it goes on and on", name)
		}
	}
}

// encrypted returns safes, one of which is encrypted with an unknown key.
func encrypted(algorithm []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { addEncrypted(b, algorithm, make([]byte, 16)) })
	return b.BytesOrPanic()
}

// Many parts, each with the allowed iterations, are bounded too: too many are
// refused before the derivation.
func TestManyDerivations(t *testing.T) {
	few, most := tripleDES(1000), tripleDES(longestDerivation)
	c := &protection{algorithm: few, most: 1000}
	if _, err := asn1.Unmarshal(c.algorithm, &c.id); err != nil {
		t.Fatal(err)
	}
	var parts cryptobyte.Builder
	if err := c.add(&parts, []byte{0x30, 0}, DefaultPassword); err != nil {
		t.Fatal(err)
	}
	whole := parts.BytesOrPanic()
	if _, err := Open(storeOf(t, whole), DefaultPassword); err != nil {
		t.Errorf("one part of few iterations: %v", err)
	}
	parts = cryptobyte.Builder{}
	parts.AddBytes(whole)
	addEncrypted(&parts, most, make([]byte, 16))
	if _, err := Open(storeOf(t, parts.BytesOrPanic()), DefaultPassword); !errors.Is(err, ErrUnsupported) { // after a derivation it would be a wrong password
		t.Error(err)
	}
}

// tripleDES returns the algorithm of a safe that is encrypted with 3DES.
func tripleDES(iterations int64) []byte {
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 3})
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1OctetString([]byte("salt"))
			b.AddASN1Int64(iterations)
		})
	})
	return b.BytesOrPanic()
}

// storeOf returns a store of safes.
func storeOf(t *testing.T, parts []byte) []byte {
	t.Helper()
	safes, err := sequence(parts)
	if err != nil {
		t.Fatal(err)
	}
	var file cryptobyte.Builder
	file.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(3)
		addData(b, safes)
	})
	return file.BytesOrPanic()
}
