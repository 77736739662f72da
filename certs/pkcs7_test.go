package certs_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/roottest"
)

// tlv encodes an element with a definite length.
func tlv(tag byte, contents ...[]byte) []byte {
	body := bytes.Join(contents, nil)
	n := len(body)
	switch {
	case n < 0x80:
		return append([]byte{tag, byte(n)}, body...)
	case n < 0x100:
		return append([]byte{tag, 0x81, byte(n)}, body...)
	case n < 0x10000:
		return append([]byte{tag, 0x82, byte(n >> 8), byte(n)}, body...)
	}
	return append([]byte{tag, 0x83, byte(n >> 16), byte(n >> 8), byte(n)}, body...)
}

// indefinite encodes an element as BER with an indefinite length.
func indefinite(tag byte, contents ...[]byte) []byte {
	return append(append([]byte{tag, 0x80}, bytes.Join(contents, nil)...), 0, 0)
}

// signedData returns PKCS#7 of certificates. wrap encodes each element.
func signedData(wrap func(byte, ...[]byte) []byte, ders ...[]byte) []byte {
	oid := func(last byte) []byte { return tlv(6, []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, last}) }
	list := wrap(0xa0, ders...)
	inner := wrap(0x30, tlv(2, []byte{1}), tlv(0x31), wrap(0x30, oid(1)), list, tlv(0x31))
	return wrap(0x30, oid(2), wrap(0xa0, inner))
}

func TestParsePKCS7(t *testing.T) {
	a, b := roottest.NewCA(t, "A"), roottest.NewCA(t, "B")
	mixed := func(tag byte, contents ...[]byte) []byte {
		if tag == 0xa0 {
			return indefinite(tag, contents...)
		}
		return tlv(tag, contents...)
	}
	for name, data := range map[string][]byte{
		"DER":            signedData(tlv, a.DER, b.DER),
		"BER":            signedData(indefinite, a.DER, b.DER),
		"BER inside DER": signedData(mixed, a.DER, b.DER),
		"PEM":            []byte(wrap("PKCS7", signedData(tlv, a.DER, b.DER))),
		"PEM, CMS":       []byte(wrap("CMS", signedData(indefinite, a.DER, b.DER))),
		"base64 of BER":  []byte(base64.StdEncoding.EncodeToString(signedData(indefinite, a.DER, b.DER))),
		"ZIP":            []byte(zipped(t, map[string]string{"x.p7b": string(signedData(tlv, a.DER, b.DER))})),
	} {
		t.Run(name, func(t *testing.T) {
			taken, _, err := certs.ParseAll(data)
			if err != nil || len(taken) != 2 {
				t.Fatalf("took %d: %v", len(taken), err)
			}
			if !bytes.Equal(taken[0].Raw, a.DER) || !bytes.Equal(taken[1].Raw, b.DER) {
				t.Error("the certificates changed on the way")
			}
		})
	}
}

// A bad certificate in PKCS#7 does not affect the others.
func TestParsePKCS7WithBadCertificate(t *testing.T) {
	a, b := roottest.NewCA(t, "A"), roottest.NewCA(t, "B")
	bad := bytes.Clone(a.DER)
	bad[len(bad)/2+1] ^= 0x20
	bad[4] = 0x80 // not BER either
	for name, wrap := range map[string]func(byte, ...[]byte) []byte{"DER": tlv, "BER": indefinite} {
		taken, findings, err := certs.ParseAll(signedData(wrap, a.DER, bad, b.DER))
		if err != nil || len(taken) != 2 || !bytes.Equal(taken[1].Raw, b.DER) {
			t.Errorf("%s: took %d: %v", name, len(taken), err)
		}
		if len(findings) != 1 || !strings.Contains(findings[0].Reason, "certificate 2 of the PKCS#7: damaged DER") {
			t.Errorf("%s: findings %v", name, findings)
		}
	}
}

// Certificates in BER keep their bytes and are judged as usual.
func TestParsePKCS7KeepsBytes(t *testing.T) {
	a := roottest.NewCA(t, "A")
	odd, _ := takeApart(bytes.Clone(a.DER))
	odd.at(serial...).set(2, "\x01\x80") // it looks like an indefinite length
	odd.at(0).long = true
	taken, findings, _ := certs.ParseAll(signedData(indefinite, odd.encode()))
	if len(taken) != 0 || len(findings) != 1 {
		t.Errorf("took %d, findings %v", len(taken), findings)
	}
}

func TestParsePKCS7Nested(t *testing.T) {
	a := roottest.NewCA(t, "A")
	for depth, want := range map[int]int{10: 1, 100: 0} {
		deep := tlv(5)
		for range depth {
			deep = indefinite(0x30, deep)
		}
		taken, findings, _ := certs.ParseAll(signedData(indefinite, a.DER, indefinite(0xa1, deep)))
		if len(taken) != want {
			t.Errorf("%d deep: took %d, want %d: %v", depth, len(taken), want, findings)
		}
	}
}

func TestParsePKCS7Damaged(t *testing.T) {
	a := roottest.NewCA(t, "A")
	whole := signedData(indefinite, a.DER)
	for n := range len(whole) {
		for range certs.Parse(whole[:n]) {
			// no panic, no endless loop
		}
	}
	if taken, _, err := certs.ParseAll(whole[:len(whole)-8]); err == nil {
		t.Errorf("took %d of a damaged file", len(taken))
	}
}
