package certs_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/roottest"
)

var update = flag.Bool("update", false, "record what openssl says of the names in hashes.txt")

const hashFile = "testdata/hashes.txt"

// rdn is one set of a name: pairs of attribute type and value, in order.
type rdn []attr

type attr struct {
	oid   string
	tag   asn1.Tag
	value string
}

const cn, org = "\x55\x04\x03", "\x55\x04\x0a"

// names are names whose hashes differ between implementations.
var names = map[string][]rdn{
	"plain":              {{{cn, 19, "Example Root"}}},
	"white space":        {{{cn, 12, " \t Foo   BAR \n baz  "}}},
	"white space folded": {{{cn, 12, "foo bar BAZ"}}},
	"capital umlaut":     {{{cn, 12, "Über CA Ä"}}},
	"cyrillic":           {{{cn, 12, "Удостоверяющий ЦЕНТР"}}},
	"two in a set":       {{{org, 12, "Zeta"}, {cn, 12, "Alpha"}}, {{cn, 19, "X"}}},
	"BMPString":          {{{cn, 30, "\x00E\x00x\x00a\x04\x16"}}},
	"UniversalString":    {{{cn, 28, "\x00\x00\x00E\x00\x00\x04\x16"}}},
	"T61String":          {{{cn, 20, "T\xe9l\xe9com CA"}}},
	"IA5String":          {{{cn, 22, "IA5  ROOT"}}},
	"Latin-1 Printable":  {{{cn, 19, "\xe9\xff"}}},
	"NumericString":      {{{cn, 18, "12 34"}}},
	"BIT STRING":         {{{cn, 3, "\x00\xab"}}},
	"unused bits":        {{{cn, 3, "\x07\xff"}}},
	"unused bits alone":  {{{cn, 3, "\x07"}}},
	"SEQUENCE":           {{{cn, 0x30, "\x0c\x01A"}}},
	"unnamed type":       {{{cn, 29, "ABC"}}},
	"T61String capitals": {{{cn, 20, "\xc9TAT"}}},
	"other types":        {{{"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", 22, "Example  Com"}}, {{"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01", 22, "CA@Example.COM"}}},
	"three in a set":     {{{cn, 12, "b"}, {cn, 12, "A"}, {org, 19, "long enough to sort last"}}},
	"empty set":          {{}, {{cn, 12, "X"}}},
	"long":               {{{cn, 12, strings.Repeat("Long ", 60)}}},
	"empty":              {},
	"empty value":        {{{cn, 12, ""}}},
	"only space":         {{{cn, 12, "   "}}},
	"NUL":                {{{cn, 12, "a\x00B"}}},
	"no-break space":     {{{cn, 12, "a\u00a0 B"}}},
}

// encode returns the DER of a name.
func encode(name []rdn) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, set := range name {
			b.AddASN1(asn1.SET, func(b *cryptobyte.Builder) {
				for _, a := range set {
					b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes([]byte(a.oid)) })
						b.AddASN1(a.tag, func(b *cryptobyte.Builder) { b.AddBytes([]byte(a.value)) })
					})
				}
			})
		}
	})
	return b.BytesOrPanic()
}

// withSubject returns a certificate with another subject and issuer. Its
// signature is invalid, which these tests ignore.
func withSubject(t testing.TB, subject []byte) []byte {
	t.Helper()
	ca := roottest.NewCA(t, "x")
	return rebuild(t, ca.DER, ca.Cert.RawSubject, subject)
}

// rebuild replaces the issuer and the subject of a certificate.
func rebuild(t testing.TB, der, old, subject []byte) []byte {
	t.Helper()
	in := cryptobyte.String(der)
	var cert, tbs cryptobyte.String
	if !in.ReadASN1(&cert, asn1.SEQUENCE) || !cert.ReadASN1(&tbs, asn1.SEQUENCE) {
		t.Fatal("not a certificate")
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(bytes.ReplaceAll(tbs, old, subject)) })
		b.AddBytes(cert)
	})
	return b.BytesOrPanic()
}

// The hashes equal those of openssl for the same certificates.
func TestSubjectHashRecorded(t *testing.T) {
	if *update {
		record(t)
	}
	f, err := os.Open(hashFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	seen := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Split(lines.Text(), "\t")
		if len(fields) != 4 {
			t.Fatalf("%s: %q", hashFile, lines.Text())
		}
		seen++
		subject, err := base64.StdEncoding.DecodeString(fields[3])
		if err != nil {
			t.Fatal(err)
		}
		c, err := certs.ParseCertificate(withSubject(t, subject))
		if err != nil {
			t.Errorf("%s: %v", fields[0], err)
			continue
		}
		got := fmt.Sprintf("%08x %08x", c.SubjectHash(), c.SubjectHashOld())
		if want := fields[1] + " " + fields[2]; got != want {
			t.Errorf("%s: hashes %s, openssl says %s", fields[0], got, want)
		}
	}
	if seen != len(names) {
		t.Errorf("%d names are recorded, there are %d: run go test ./certs -run Recorded -update", seen, len(names))
	}
}

// record gets the hashes from openssl.
func record(t *testing.T) {
	t.Helper()
	var out strings.Builder
	for _, name := range sortedNames() {
		subject := encode(names[name])
		fmt.Fprintf(&out, "%s\t%s\t%s\n", name, strings.Join(openssl(t, withSubject(t, subject)), "\t"), base64.StdEncoding.EncodeToString(subject))
	}
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hashFile, []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func openssl(t *testing.T, der []byte) []string {
	t.Helper()
	cmd := exec.Command("openssl", "x509", "-noout", "-subject_hash", "-subject_hash_old")
	cmd.Stdin = bytes.NewReader(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("openssl: %v\n%s", err, out)
	}
	return strings.Fields(string(out))
}

// Every root of the system's package has the hashes of openssl, which makes
// both hash links of each in one run.
func TestSubjectHashAgainstOpenSSL(t *testing.T) {
	files, _ := filepath.Glob("/usr/share/ca-certificates/mozilla/*.crt")
	if _, err := exec.LookPath("openssl"); err != nil || len(files) == 0 {
		t.Skip("openssl or Debian's ca-certificates is not installed")
	}
	dir := t.TempDir()
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("openssl", "rehash", "-compat", dir).CombinedOutput(); err != nil {
		t.Fatalf("openssl rehash: %v\n%s", err, out)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		taken, _, err := certs.ParseAll(data)
		if err != nil {
			t.Fatal(err)
		}
		for _, hash := range []uint32{taken[0].SubjectHash(), taken[0].SubjectHashOld()} {
			if links, err := filepath.Glob(filepath.Join(dir, fmt.Sprintf("%08x.*", hash))); err != nil || !slices.ContainsFunc(links, func(link string) bool {
				target, err := os.Readlink(link)
				return err == nil && target == filepath.Base(name)
			}) {
				t.Errorf("%s: no link of openssl has the hash %08x: %q, %v", name, hash, links, err)
			}
		}
	}
}

// The hash is cached, so each round needs a new certificate.
func BenchmarkSubjectHash(b *testing.B) {
	der := withSubject(b, encode(names["capital umlaut"]))
	for b.Loop() {
		c, err := certs.ParseCertificate(der)
		if err != nil {
			b.Fatal(err)
		}
		c.SubjectHash()
	}
}

func sortedNames() []string { return slices.Sorted(maps.Keys(names)) }
