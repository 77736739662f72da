package certs_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/roottest"
)

// accounted returns the result of Parse: the number of certificates and of
// findings, and whether it refused the input.
func accounted(t *testing.T, data []byte) (said int, refused bool) {
	t.Helper()
	for c, err := range certs.Parse(data) {
		f, isFinding := errors.AsType[*certs.Finding](err)
		switch {
		case refused:
			t.Error("something follows a refusal")
		case err != nil && !isFinding:
			t.Errorf("an error that is no finding: %v", err)
		case c == nil && !isFinding:
			t.Error("neither certificate nor finding")
		case c != nil && isFinding && f.Verdict != certs.Repaired, c == nil && f.Verdict == certs.Repaired:
			t.Errorf("verdict %v, certificate %v", f.Verdict, c != nil)
		}
		refused = isFinding && f.Verdict == certs.Refused
		said++
	}
	return said, refused
}

// Each BEGIN gives a certificate or a finding, in any order of blocks and text.
func TestParseAccountsForEachBegin(t *testing.T) {
	var parts []string
	for _, x := range items(t) {
		parts = append(parts, x.data)
	}
	parts = append(parts, "", "\n", "text\n", "-----BEGIN ", "-----", "-----END X-----", "\ufeff", "\r")
	r := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		var text strings.Builder
		for range 1 + r.IntN(6) {
			part := parts[r.IntN(len(parts))]
			if r.IntN(3) == 0 {
				part = part[:r.IntN(len(part)+1)]
			}
			text.WriteString(part)
		}
		if strings.HasPrefix(text.String(), "0") {
			continue // DER
		}
		said, _ := accounted(t, []byte(text.String()))
		if n := strings.Count(text.String(), "-----BEGIN "); said < n {
			t.Fatalf("%d BEGIN lines, %d accounted for, in %q", n, said, text.String())
		}
	}
}

func FuzzParse(f *testing.F) {
	ca := roottest.NewCA(f, "Root")
	a := ca.PEM()
	for _, seed := range []string{
		a, a[:80] + a, "-----BEGIN X-----\n-----END X-----", string(ca.DER), string(ca.DER) + a, `{"a":"b"}`, "PK\x03\x04", utf16le(a),
		strings.ReplaceAll(a, "\n", `\n`), strings.TrimSpace(a) + a, "\u2014BEGIN CERTIFICATE\u2014",
		zipped(f, map[string]string{"a.pem": a}), wrap("TRUSTED CERTIFICATE", ca.DER), "<html>" + a,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		said, refused := accounted(t, data)
		if n := bytes.Count(data, []byte("-----BEGIN ")); isPlainText(data) && !refused && said < n {
			t.Errorf("%d BEGIN lines, %d accounted for", n, said)
		}
		end := 0
		for b := range certs.Blocks(data) {
			if b.Start < end || b.End < b.Start || b.End > len(data) || b.Certificate == nil && b.Finding == nil {
				t.Errorf("block %d to %d after %d", b.Start, b.End, end)
			}
			end = b.End
		}
	})
}

// isPlainText reports whether data is certainly read as PEM only.
func isPlainText(data []byte) bool {
	return bytes.HasPrefix(data, []byte("-----BEGIN ")) && bytes.IndexByte(data, 0) < 0
}

func FuzzPKCS7(f *testing.F) {
	a := roottest.NewCA(f, "A")
	f.Add(signedData(tlv, a.DER))
	f.Add(signedData(indefinite, a.DER))
	f.Add(bytes.Repeat([]byte{0x30, 0x80}, 200))
	f.Fuzz(func(t *testing.T, data []byte) {
		accounted(t, data)
		for c := range certs.Parse([]byte(wrap("PKCS7", data))) {
			if c != nil && len(c.Raw) == 0 {
				t.Error("a certificate without bytes")
			}
		}
	})
}

// All methods of an accepted certificate work, and its PEM is read again.
func FuzzParseCertificate(f *testing.F) {
	for _, x := range edits {
		if der := x.apply(f); len(der) < 4096 {
			f.Add(der)
		}
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := certs.ParseCertificate(der)
		if err != nil {
			return
		}
		if (c.X509() == nil) != (c.Quirk() != "") {
			t.Error("X509 and the quirk do not agree")
		}
		if c.X509() != nil && (!c.NotAfter().Equal(c.X509().NotAfter) || !c.NotBefore().Equal(c.X509().NotBefore)) {
			t.Errorf("dates differ from crypto/x509's: %v, %v", c.NotBefore(), c.NotAfter())
		}
		if c.X509() != nil && c.X509().BasicConstraintsValid && c.IsCA() != c.X509().IsCA {
			t.Errorf("a CA: %t, crypto/x509 says %t", c.IsCA(), c.X509().IsCA)
		}
		checkPrintable(t, c.Subject()+c.Issuer()+c.Name())
		c.SubjectHash()
		c.SubjectHashOld()
		taken, findings, err := certs.ParseAll(c.AppendPEM(nil))
		if err != nil || len(findings) > 0 || len(taken) != 1 || !bytes.Equal(taken[0].Raw, der) {
			t.Errorf("what is written is not read: %v %v", err, findings)
		}
	})
}

func checkPrintable(t *testing.T, s string) {
	t.Helper()
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || 0x202a <= r && r <= 0x202e }) {
		t.Errorf("%q moves the cursor or hides text", s)
	}
}

func FuzzSubjectHash(f *testing.F) {
	for _, name := range names {
		f.Add(encode(name))
	}
	base := roottest.NewCA(f, "x")
	f.Fuzz(func(t *testing.T, subject []byte) {
		in := cryptobyte.String(subject)
		var seq cryptobyte.String
		if !in.ReadASN1(&seq, asn1.SEQUENCE) || !in.Empty() {
			return
		}
		c, err := certs.ParseCertificate(rebuild(t, base.DER, base.Cert.RawSubject, subject))
		if err != nil {
			return
		}
		again, err := certs.ParseCertificate(c.Raw)
		if err != nil || c.SubjectHash() != again.SubjectHash() || c.SubjectHashOld() != again.SubjectHashOld() {
			t.Error("the hash is not the same twice")
		}
		checkPrintable(t, c.Subject()+c.Name())
	})
}
