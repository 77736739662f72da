package certs_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/roottest"
)

func utf16le(s string) string {
	out := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		out = append(out, byte(u), byte(u>>8))
	}
	return string(out)
}

func utf16be(s string) string {
	out := []byte(utf16le(s))
	for i := 0; i+1 < len(out); i += 2 {
		out[i], out[i+1] = out[i+1], out[i]
	}
	return string(out)
}

func zipped(t testing.TB, files map[string]string) string {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(f, files[name])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// The other formats of certificates: accepted certificates and messages.
func TestParse(t *testing.T) {
	ca, other := roottest.NewCA(t, "First Root"), roottest.NewCA(t, "Second Root")
	a, b := ca.PEM(), other.PEM()
	der, body := string(ca.DER), base64.StdEncoding.EncodeToString(ca.DER)
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	quote := func(s string) string { q, _ := json.Marshal(s); return strings.ReplaceAll(string(q), "/", `\/`) }
	for _, test := range []struct {
		name, data string
		taken      int
		want       string // as in item
	}{
		{"text", "# First Root\n" + a + "\nissuer: x\n" + b + "end", 2, ""},
		{"no final line feed", strings.TrimSpace(a), 1, ""},
		{"byte order mark", "\ufeff" + a + b, 2, "repaired: byte order mark"},
		{"two, CR only", strings.ReplaceAll(a+b, "\n", "\r"), 2, "repaired: carriage returns; repaired: carriage returns"},
		{"cut off at the end", a + b[:99], 1, "skipped: cut off"},
		{"text that starts with 0", "0 Ä\x80\n" + a, 1, ""},
		{"typographic dashes", strings.ReplaceAll(a, "-----", "\u2014\u2013-"), 1, "repaired: typographic"},
		{"DER at the end", a + string(other.DER), 2, "repaired: not as PEM"},
		{"NUL padding at the end", a + strings.Repeat("\x00", 100), 1, ""},
		{"binary data at the end", a + "\x00\x01\x02", 1, "skipped: binary data"},
		{"HTML around", "\n<html><pre>" + a + b[:99] + "</pre>", 0, "skipped: HTML page; skipped: HTML page"},

		{"UTF-16", utf16le(a + b), 2, "repaired: UTF-16"},
		{"UTF-16, big end first", utf16be(a + b), 2, "repaired: UTF-16"},
		{"UTF-16 and PEM", utf16le(a) + b, 2, "repaired: UTF-16; repaired: start a line"},
		{"UTF-16 without a mark", utf16le(a)[2:], 1, "repaired: UTF-16"},
		{"UTF-16, big end first, without a mark", utf16be(a)[2:], 1, "repaired: UTF-16"},

		{"DER", der, 1, ""},
		{"DER and a line feed", der + "\r\n", 1, "repaired: bytes after the certificate are cut off"},
		{"two in DER", der + string(other.DER), 2, ""},
		{"two in DER, apart", der + "\n\n" + string(other.DER), 2, "repaired: certificate 1: bytes after the certificate are cut off"},
		{"DER and PEM", der + "\n" + b, 2, "repaired: certificate 1: bytes after the certificate are cut off"},
		{"DER and text", der + "hello", 1, "skipped: 5 bytes"},
		{"DER and damaged DER", der + "\x30\x82\xff\xff", 1, "skipped: ends too early"},
		{"DER and an odd sequence", der + "\x30\x03\x02\x01\x05", 1, "skipped: certificate 2: damaged"},
		{"DER cut off", der[:100], 0, "skipped: ends too early"},
		{"CRL in DER", string(tlv(0x30, tlv(0x30, tlv(2, []byte{1}), tlv(0x30), tlv(0x30), tlv(0x17)))), 0, "skipped: revocation list"},
		{"public key in DER", string(tlv(0x30, tlv(0x30, tlv(6, []byte{42})), tlv(3, []byte{0, 1}))), 0, "skipped: public key"},
		{"public key of PKCS#1", string(tlv(0x30, tlv(2, []byte{1}), tlv(2, []byte{3}))), 0, "skipped: public key"},
		{"request in DER", string(tlv(0x30, tlv(0x30, tlv(2, []byte{0}), tlv(0x30), tlv(0x30), tlv(0xa0)))), 0, "skipped: request"},
		{"PKCS#12", string(tlv(0x30, tlv(2, []byte{3}), tlv(0x30))), 0, "skipped: PKCS#12"},

		{"base64", body, 1, "repaired: base64"},
		{"base64 in lines, no padding", strings.TrimRight(body[:64]+"\r\n"+body[64:], "="), 1, "repaired: base64"},
		{"base64 with a byte order mark", "\ufeff" + body, 1, "repaired: base64"},
		{"base64 of PEM", encode(a), 1, "repaired: base64"},
		{"base64 of base64", encode(encode(a)), 1, "repaired: base64"},
		{"too deep", encode(encode(encode(encode(encode(body))))), 0, "skipped: wrapped more"},

		{"JSON with PEM", `{"ca":` + quote(a) + `,"next":[` + quote(b) + `]}`, 2, "repaired: JSON"},
		{"JSON with base64", `{"x":1,"ca":{"certificate":["` + encode(a) + `"]}}`, 1, "repaired: JSON"},
		{"JSON string", quote(a), 1, "repaired: JSON"},
		{"JSON, a name twice", `{"ca":` + quote(a) + `,"ca":` + quote(b) + `}`, 2, "repaired: JSON"},
		{"JSON lines", `{"ca":` + quote(a) + "}\n{\"ca\":" + quote(b[:99]) + "}\n", 1, "repaired: JSON; skipped: cut off"},
		{"almost JSON", `{"ca":"` + strings.ReplaceAll(a, "\n", `\n`) + `",}`, 1, "repaired: two characters"},

		{"ZIP", zipped(t, map[string]string{"b/ca.pem": a, "a.der": string(other.DER), "README": "hello", "b/": ""}), 2, ""},
		{"ZIP with findings", zipped(t, map[string]string{"ca.pem": "\n " + a, "x.crt": "<html>"}), 1, "repaired: ca.pem: line 2: it was indented; skipped: x.crt: no certificate: it is an HTML page"},
		{"ZIP in ZIP", zipped(t, map[string]string{"ca.zip": zipped(t, map[string]string{"ca.p7b": string(signedData(tlv, ca.DER))})}), 1, ""},
		{"ZIP from a Mac", zipped(t, map[string]string{"ca.pem": a, "__MACOSX/._ca.pem": "x"}), 1, ""},
		{"ZIP, damaged", zipped(t, map[string]string{"ca.pem": a})[:99], 0, "skipped: damaged ZIP"},
		{"ZIP, one file damaged", damageZIP(zipped(t, map[string]string{"a.pem": a, "b.pem": b})), 1, "skipped: a.pem: damaged"},
		{"ZIP, one file encrypted", encryptZIP(zipped(t, map[string]string{"a.pem": a, "b.pem": b})), 1, "skipped: a.pem: it is encrypted"},
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

// damageZIP changes a byte in the content of the first file.
func damageZIP(archive string) string {
	b := []byte(archive)
	b[60] ^= 0xff
	return string(b)
}

// encryptZIP marks the first file as encrypted.
func encryptZIP(archive string) string {
	b := []byte(archive)
	b[strings.Index(archive, "PK\x01\x02")+8] |= 1
	return string(b)
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

// Content without a certificate is named by its kind.
func TestParseNamesTheRest(t *testing.T) {
	for _, test := range []struct{ data, want string }{
		{"", "empty"},
		{" \n\t\x00", "empty"},
		{"\ufeff", "empty"},
		{"<!DOCTYPE html><p>Not found", "HTML page"},
		{"\ufeff\n<HTML>", "HTML page"},
		{utf16le("<html>"), "HTML page"},
		{"<?xml version='1.0'?><Error/>", "XML document"},
		{"<Error><Code>NoSuchBucket</Code>", "XML document"},
		{"\xfe\xed\xfe\xed\x00\x00\x00\x02", "Java keystore"},
		{"\xce\xce\xce\xce\x00\x00\x00\x02", "Java keystore"},
		{string(tlv(0x30, tlv(2, []byte{3}), tlv(0x30))), "PKCS#12"},
		{"\x30\x80\x02\x01\x03\x30\x80\x00\x00\x00\x00", "PKCS#12"},
		{"\x30\x82\x09\x20\x02\x01\x03\x30", "PKCS#12"},
		{"PK\x05\x06", "empty ZIP"},
		{"\x1f\x8b\x08", "compressed"},
		{"\x00GITCRYPT\x00\x01\x02", "git-crypt"},
		{"version https://git-lfs.github.com/spec/v1", "Git LFS"},
		{"ssh-ed25519 AAAA", "SSH public key"},
		{"{\"a\": 1}", "JSON without"},
		{wrap("X509 CRL", []byte{1}), "line 1: not a certificate but a block of X509 CRL"},
		{wrap("PUBLIC KEY", []byte{1}), "line 1: not a certificate but a block of PUBLIC KEY"},
		{"hello", "not one that certificates come in"},
		{"\x7fELF\x00\x01", "not one that certificates come in"},
	} {
		_, _, err := certs.ParseAll([]byte(test.data))
		if !errors.Is(err, certs.ErrNoCertificate) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %q", test.data, err, test.want)
		}
	}
}

// A caller that stops gets nothing more.
func TestParseStops(t *testing.T) {
	a := roottest.NewCA(t, "A").PEM()
	for name, data := range map[string]string{
		"PEM": a + "x" + a, "findings": strings.Repeat("-----BEGIN X-----\n", 3),
		"JSON": `["` + strings.Repeat(base64.StdEncoding.EncodeToString([]byte(a)), 1) + `","-----BEGIN "]`,
		"ZIP":  zipped(t, map[string]string{"a.pem": a, "b.pem": a}),
		"HTML": "<html>-----BEGIN -----BEGIN ",
	} {
		count := 0
		for range certs.Parse([]byte(data)) {
			count++
			break
		}
		if count != 1 {
			t.Errorf("%s: %d", name, count)
		}
	}
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
