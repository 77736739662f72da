package pemfile

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/roottest"
)

// FuzzOpen opens any bytes. The result is a file that every program reads, with
// every certificate that OpenSSL read before. Undoing its steps gives the original
// bytes.
func FuzzOpen(f *testing.F) {
	a, b := roottest.NewCA(f, "A").PEM(), roottest.NewCA(f, "B").PEM()
	for _, seed := range []string{
		"", a + b, strings.TrimSuffix(a, "\n") + b, "# text\n" + a, a[:200] + "\n" + b, strings.ReplaceAll(a, "\n", "\r\n"), "\ufeff" + a, a + "\ufeff" + b,
		"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n" + a, "-----BEGIN CERTIFICATE-----\n@\n-----END CERTIFICATE-----\n" + a,
		a + "-----BEGIN X509 CRL-----\nAA==\n-----END X509 CRL-----\n", " " + a, a + "\x00\x01\n" + b, strings.Replace(a, "\n-----END", "\n\n-----END", 1),
		strings.Join(strings.SplitAfter(a, ""), "\x00") + "\x00" + strings.ReplaceAll(b, "\n", "\r"), // takes two steps
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := NewReader().Open(data)
		if err != nil {
			return
		}
		if again, err := NewReader().Open(file.Data); err != nil || len(again.Steps) > 0 || again.Held.Len() != file.Held.Len() {
			t.Errorf("it is repaired again: %v %v", again.Faults, err)
		}
		before, _ := NewReader().Read(data)
		for _, b := range before {
			if b.Cert != nil && !file.Held.Has(b.Cert.Fingerprint()) {
				t.Errorf("%s is lost", b.Cert.Subject())
			}
		}
		was := file.Data
		for _, step := range slices.Backward(file.Steps) {
			was = Unpatch(was, step)
		}
		if !bytes.Equal(was, data) {
			t.Errorf("%q became %q", data, was)
		}
	})
}

// Without removes an appended certificate and the text around it, whatever stood
// before.
func TestWithoutUndoesAppend(t *testing.T) {
	a, b := roottest.NewCA(t, "A"), roottest.NewCA(t, "B")
	c, err := certs.ParseCertificate(b.DER)
	if err != nil {
		t.Fatal(err)
	}
	for _, style := range []Style{{}, {After: "\n"}, {Comment: true}, {Comment: true, Trusted: true}} {
		for _, text := range []string{"", a.PEM(), "# text\n" + a.PEM(), a.PEM() + "\n", a.PEM() + "text -----BEGIN CERTIFICATE-----\n"} {
			long := style.Append([]byte(text), c)
			if file, err := NewReader().Open(long); err != nil || !file.Held.Has(c.Fingerprint()) {
				t.Errorf("%+v: %q does not hold it: %v", style, long, err)
			}
			copies := NewReader().Copies(long, style)
			copies = slices.DeleteFunc(copies, func(f Copy) bool { return f.Cert.Fingerprint() != c.Fingerprint() })
			if len(copies) != 1 || !copies[0].Exact() {
				t.Errorf("%+v: the copies are %+v", style, copies)
			}
			if got := style.Without(long, copies); string(got) != text {
				t.Errorf("%+v: %q became %q", style, text, got)
			}
		}
	}
}
