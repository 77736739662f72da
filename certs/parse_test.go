package certs_test

import (
	"archive/zip"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/roottest"
)

func wrap(label string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
}

func utf16le(s string) string {
	out := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		out = append(out, byte(u), byte(u>>8))
	}
	return string(out)
}

func zipped(t *testing.T, files map[string]string) string {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for name, content := range files {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(f, content)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// Each shape in which certificates arrive: what is taken, and what is said.
func TestParse(t *testing.T) {
	ca, other := roottest.NewCA(t, "First Root"), roottest.NewCA(t, "Second Root")
	a, b := ca.PEM(), other.PEM()
	body := base64.StdEncoding.EncodeToString(ca.DER)
	crlf := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
	lines := strings.SplitAfter(a, "\n")
	for _, test := range []struct {
		name, data string
		taken      int
		want       string // of the findings, each "verdict: part of the reason"
	}{
		{"one", a, 1, ""},
		{"two", a + b, 2, ""},
		{"text around", "# First Root\n" + a + "\nissuer: x\n" + b + "end", 2, ""},
		{"CRLF", crlf(a), 1, ""},
		{"CR only", strings.ReplaceAll(a, "\n", "\r"), 1, "repaired: carriage returns"},
		{"two, CR only", strings.ReplaceAll(a+b, "\n", "\r"), 2, "repaired: carriage returns; repaired: carriage returns"},
		{"no final line feed", strings.TrimSpace(a), 1, ""},
		{"byte order mark", "\ufeff" + a + b, 2, "repaired: byte order mark"},
		{"glued", strings.TrimSpace(a) + b, 2, "repaired: END line of the one before"},
		{"indented", "    " + strings.ReplaceAll(strings.TrimSpace(a), "\n", "\n    "), 1, "repaired: indented"},
		{"trailing spaces", strings.ReplaceAll(a, "\n", "  \n"), 1, ""},
		{"one long line", "-----BEGIN CERTIFICATE-----\n" + body + "\n-----END CERTIFICATE-----\n", 1, ""},
		{"all on one line", strings.ReplaceAll(strings.TrimSpace(a), "\n", " "), 1, "repaired: one line"},
		{`literal \n`, strings.ReplaceAll(a, "\n", `\n`), 1, `repaired: two characters \n`},
		{"JSON with PEM", `{"ca":"` + strings.ReplaceAll(a, "\n", `\n`) + `"}`, 1, "repaired: text stood before"},
		{"JSON with base64", `{"x":1,"ca":{"certificate":["` + base64.StdEncoding.EncodeToString([]byte(a)) + `"]}}`, 1, "repaired: JSON"},
		{"blank line inside", strings.Join(lines[:2], "") + "\n" + strings.Join(lines[2:], ""), 1, "repaired: blank line"},
		{"header", lines[0] + "Proc-Type: 4\n\n" + strings.Join(lines[1:], ""), 1, "repaired: header lines"},
		{"header without blank line", lines[0] + "Note: x\n" + strings.Join(lines[1:], ""), 1, "repaired: header lines"},
		{"lower-case label", strings.ReplaceAll(strings.ReplaceAll(a, "BEGIN CERT", "begin cert"), "ERTIFICATE", "ertificate"), 1, "repaired: lower case"},
		{"old label", strings.ReplaceAll(a, " CERT", " X509 CERT"), 1, "repaired: X509 CERTIFICATE"},
		{"NUL padding", a + strings.Repeat("\x00", 100), 1, ""},
		{"END with too many dashes", strings.TrimSpace(a) + "--", 1, "repaired: dashes"},
		{"END with no dashes", strings.TrimSuffix(a, "-----\n"), 1, "repaired: dashes"},
		{"END of another label", strings.Replace(a, "END CERT", "END X CERT", 1), 1, "repaired: another label"},
		{"UTF-16", utf16le(a + b), 2, "repaired: UTF-16"},
		{"UTF-16 without a mark", utf16le(a)[2:], 1, "repaired: UTF-16"},
		{"UTF-16 in the middle", a + utf16le(b)[2:] + a, 2, "skipped: binary data"},
		{"DER", string(ca.DER), 1, ""},
		{"DER and a line feed", string(ca.DER) + "\n", 1, ""},
		{"two in DER", string(ca.DER) + string(other.DER), 2, ""},
		{"DER and text", string(ca.DER) + "hello", 1, "skipped: 5 bytes"},
		{"DER cut off", string(ca.DER[:100]), 0, "skipped: ends too early"},
		{"DER in PEM with bytes after it", wrap("CERTIFICATE", append(bytes.Clone(ca.DER), 0)), 1, "repaired: bytes after"},
		{"base64", body, 1, "repaired: base64"},
		{"base64 of PEM", base64.StdEncoding.EncodeToString([]byte(a)), 1, "repaired: base64"},
		{"ZIP", zipped(t, map[string]string{"b/ca.pem": a, "a.der": string(other.DER), "README": "hello"}), 2, ""},
		{"trusted", wrap("TRUSTED CERTIFICATE", ca.DER), 1, ""},
		{"trusted with alias", wrap("TRUSTED CERTIFICATE", append(bytes.Clone(ca.DER), 0x30, 4, 0x0c, 2, 'm', 'e')), 1, "repaired: trust settings"},
		{"distrusted", wrap("TRUSTED CERTIFICATE", append(bytes.Clone(ca.DER), "\x30\x0c\xa0\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"...)), 0, "skipped: not trusted for TLS"},
		{"trusted for mail only", wrap("TRUSTED CERTIFICATE", append(bytes.Clone(ca.DER), "\x30\x0c\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x04"...)), 0, "skipped: not trusted for TLS"},
		{"bad base64", lines[0] + "@" + strings.Join(lines[1:], "") + b, 1, "skipped: not a character"},
		{"a line missing", lines[0] + strings.Join(lines[2:], "") + b, 1, "skipped: damaged"},
		{"no END", strings.Join(lines[:3], "") + b, 1, "skipped: cut off"},
		{"cut off at the end", a + strings.Join(lines[:3], ""), 1, "skipped: cut off"},
		{"HTML line with BEGIN", "<p>-----BEGIN CERTIFICATE-----</p>\n" + b, 1, "skipped: cut off"},
		{"BEGIN without dashes", "-----BEGIN CERTIFICATE\n" + a, 1, "skipped: damaged BEGIN"},
		{"empty block", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n" + a, 1, "skipped: nothing between"},
		{"CRL", wrap("X509 CRL", ca.DER) + a, 1, "skipped: X509 CRL"},
		{"public key", wrap("PUBLIC KEY", []byte{1}), 0, "skipped: PUBLIC KEY"},
		{"too deep", base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(body)))))))))), 0, "skipped: wrapped more"},
		{"same twice", a + a, 2, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			taken, findings, _ := certs.ParseAll([]byte(test.data))
			if len(taken) != test.taken {
				t.Errorf("took %d, want %d", len(taken), test.taken)
			}
			checkFindings(t, findings, test.want)
			for _, c := range taken {
				if again, _, err := certs.ParseAll(c.AppendPEM(nil)); err != nil || len(again) != 1 || again[0].Fingerprint() != c.Fingerprint() {
					t.Errorf("what is written is not what was read: %v", err)
				}
			}
		})
	}
}

func checkFindings(t *testing.T, findings []*certs.Finding, want string) {
	t.Helper()
	var parts []string
	if want != "" {
		parts = strings.Split(want, "; ")
	}
	if len(findings) != len(parts) {
		t.Fatalf("findings %v, want %q", findings, want)
	}
	for i, f := range findings {
		verdict, reason, _ := strings.Cut(parts[i], ": ")
		if f.Verdict.String() != verdict || !strings.Contains(f.Reason, reason) {
			t.Errorf("finding %v: %v, want %q", f.Verdict, f, parts[i])
		}
	}
}

// A private key refuses the whole input, wherever it is, and does not appear in
// the error.
func TestParseRefusesPrivateKeys(t *testing.T) {
	ca := roottest.NewCA(t, "Root")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(ca.KeyPEM(t)))
	for name, data := range map[string]string{
		"alone":           ca.KeyPEM(t),
		"after":           ca.PEM() + ca.KeyPEM(t),
		"before":          ca.KeyPEM(t) + ca.PEM(),
		"EC":              wrap("EC PRIVATE KEY", sec1),
		"RSA label":       ca.PEM() + wrap("RSA PRIVATE KEY", []byte("x")),
		"encrypted":       wrap("ENCRYPTED PRIVATE KEY", []byte("x")),
		"OpenSSH":         wrap("OPENSSH PRIVATE KEY", []byte("x")),
		"DER PKCS#8":      string(block.Bytes),
		"DER SEC 1":       string(sec1),
		"as certificate":  wrap("CERTIFICATE", block.Bytes),
		"in a ZIP":        zipped(t, map[string]string{"a.pem": ca.PEM(), "key.pem": ca.KeyPEM(t)}),
		"in base64":       base64.StdEncoding.EncodeToString([]byte(ca.PEM() + ca.KeyPEM(t))),
		"in JSON":         `{"key":"` + base64.StdEncoding.EncodeToString(block.Bytes) + `"}`,
		"in UTF-16":       utf16le(ca.KeyPEM(t)),
		"lower case mark": strings.ReplaceAll(ca.KeyPEM(t), "BEGIN", "begin"),
	} {
		t.Run(name, func(t *testing.T) {
			taken, _, err := certs.ParseAll([]byte(data))
			if !errors.Is(err, certs.ErrPrivateKey) || len(taken) != 0 {
				t.Fatalf("took %d, error %v", len(taken), err)
			}
			if strings.Contains(err.Error(), base64.StdEncoding.EncodeToString(block.Bytes)[8:40]) {
				t.Error("the error shows the key")
			}
		})
	}
}

// What is no certificate at all is named for what it is.
func TestParseNamesTheRest(t *testing.T) {
	for data, want := range map[string]string{
		"":                                 "empty",
		" \n\t":                            "empty",
		"<!DOCTYPE html><p>Not found":      "HTML page",
		"\n<html>":                         "HTML page",
		"<?xml version='1.0'?><Error/>":    "XML document",
		"\xfe\xed\xfe\xed\x00\x00\x00\x02": "Java keystore",
		"\x30\x20\x02\x01\x03\x30\x1b":     "PKCS#12",
		"hello":                            "not one that certificates come in",
		"{\"a\": 1}":                       "not one that certificates come in",
	} {
		_, _, err := certs.ParseAll([]byte(data))
		if !errors.Is(err, certs.ErrNoCertificate) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", data, err, want)
		}
	}
}

// Each BEGIN is accounted for, whatever stands between them.
func FuzzParse(f *testing.F) {
	ca := roottest.NewCA(f, "Root")
	for _, seed := range []string{ca.PEM(), ca.PEM()[:80] + ca.PEM(), "-----BEGIN X-----\n-----END X-----", string(ca.DER), "{\"a\":\"b\"}", "PK\x03\x04"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		accounted, refused := 0, false
		for c, err := range certs.Parse(data) {
			finding, _ := errors.AsType[*certs.Finding](err)
			switch {
			case c == nil && err == nil:
				t.Fatal("neither certificate nor finding")
			case finding != nil && finding.Verdict == certs.Refused:
				refused = true
			case c != nil || finding.Block > 0:
				accounted++
			}
		}
		text := bytes.HasPrefix(data, []byte("-----BEGIN "))
		if n := bytes.Count(data, []byte("-----BEGIN ")); text && !refused && accounted < n {
			t.Errorf("%d BEGIN lines, %d accounted for", n, accounted)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	var bundle []byte
	for i := range 110 {
		bundle = append(bundle, roottest.NewCA(b, fmt.Sprint("Root ", i)).PEM()...)
	}
	b.SetBytes(int64(len(bundle)))
	for b.Loop() {
		if taken, _, err := certs.ParseAll(bundle); err != nil || len(taken) != 110 {
			b.Fatal(err)
		}
	}
}

func ExampleParseAll() {
	taken, findings, err := certs.ParseAll([]byte("<html>404</html>"))
	fmt.Println(len(taken), len(findings), err)
	// Output: 0 0 no certificate: it is an HTML page, not certificates
}

func ExamplePolicy_Judge() {
	taken, _, err := certs.ParseAll([]byte(example))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range taken {
		action, remark := certs.Policy{Now: time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC)}.Judge(c)
		fmt.Println(action == certs.Skip, remark)
	}
	// Output: true expired on 2040-05-26
}
