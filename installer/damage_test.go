package installer_test

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
)

// damages are the faults of bundles that were put together by hand.
var damages = []func(pem string) string{
	func(pem string) string { return pem },
	func(pem string) string { return "<html><pre>-----BEGIN CERTIFICATE-----</pre></html>\n" + pem },
	func(pem string) string { return pem + "see -----BEGIN CERTIFICATE-----\n# and so on\n" },
	func(pem string) string { return "# a comment\n\n" + pem + "\n" },
	func(pem string) string { return "text " + pem },
	func(pem string) string { return strings.ReplaceAll(pem, "\n", "\r\n") },
	func(pem string) string { return strings.Replace(pem, "\nMII", "\n!!!", 1) },
	strings.TrimSpace,
	func(pem string) string { return "\ufeff" + pem },
	func(pem string) string { return strings.Replace(pem, "-----END CERTIFICATE-----\n", "", 1) },
	func(pem string) string { return " " + strings.ReplaceAll(strings.TrimSpace(pem), "\n", "\n ") + "\n" },
	func(pem string) string { return "<html>\n-----BEGIN CERTIFICATE-----\n</html>\n" + pem },
	func(pem string) string { return strings.Replace(pem, "\n-----END", "\n\n-----END", 1) },
	func(pem string) string { return strings.Replace(pem, "\nMII", "\nFoo: bar\n\nMII", 1) },
	func(pem string) string { return strings.TrimSpace(pem) + " # trusted since 2020\n" },
	func(pem string) string { return strings.ReplaceAll(pem, "\n", "\r") },
	func(pem string) string { return pem + "left over -----END CERTIFICATE-----\n" },
	utf16le,
	func(pem string) string { return "\xff\xfe" + utf16le("# text\r\n") },
	utf16be,
}

func utf16le(text string) string { return strings.Join(strings.SplitAfter(text, ""), "\x00") + "\x00" }

func utf16be(text string) string { return "\x00" + strings.Join(strings.SplitAfter(text, ""), "\x00") }

// However a bundle is damaged, install makes it readable for OpenSSL and keeps all
// certificates that OpenSSL read before. remove --all restores it byte for byte.
func TestDamagedBundles(t *testing.T) {
	cas := make([]string, 6)
	for i := range cas {
		cas[i] = roottest.NewCA(t, fmt.Sprint("CA ", i)).PEM()
	}
	ours := roottest.NewCA(t, "Ours").PEM()
	seeds := int64(400)
	if testing.Short() {
		seeds = 50
	}
	for seed := range seeds {
		random := rand.New(rand.NewSource(seed))
		var text strings.Builder
		for range 1 + random.Intn(5) {
			text.WriteString(damages[random.Intn(len(damages))](cas[random.Intn(len(cas))]))
		}
		if !t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { repairs(t, text.String(), source(t, "ours", ours)) }) {
			return
		}
	}
}

// repairs installs a source into a root with a bundle.
func repairs(t *testing.T, text string, ours installer.Source) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the bundle was %q", outline(text))
		}
	})
	after, _ := roundTrip(t, bundleTree(text), installer.Options{}, ours)
	was, is := opensslReads(t, text), opensslReads(t, bundleOf(after))
	if !is.whole || !is.certs["Ours"] {
		t.Errorf("it is now %q, which cannot be read, or does not hold what was installed", outline(bundleOf(after)))
	}
	for name := range was.certs {
		if !is.certs[name] {
			t.Errorf("%s was read before and is lost", name)
		}
	}
}

const bundlePath = "etc/ssl/certs/ca-certificates.crt"

func bundleTree(text string) fstest.MapFS {
	return fstest.MapFS{bundlePath: {Data: []byte(text), Mode: 0o644}}
}

func bundleOf(tree fstest.MapFS) string { return string(tree[bundlePath].Data) }

// outline is a bundle without most of the base64.
func outline(text string) string {
	return regexp.MustCompile(`[A-Za-z0-9+/=]{30,}`).ReplaceAllString(text, "M")
}

// reading is the certificates that OpenSSL reads from a file: those up to the first
// block at which it stops.
type reading struct {
	certs map[string]bool // by name
	whole bool
}

// opensslReads is a second, simple model of PEM_X509_INFO_read_bio over a file.
func opensslReads(t *testing.T, text string) reading {
	t.Helper()
	got := reading{certs: map[string]bool{}}
	for lines := gets(text); ; {
		label, rest, ok := beginning(lines)
		if !ok {
			got.whole = true
			return got
		}
		var body strings.Builder
		for lines = rest; ; lines = lines[1:] {
			if len(lines) == 0 {
				return got
			}
			if strings.HasPrefix(lines[0], "-----END ") {
				break
			}
			if lines[0] == "" || strings.Contains(lines[0], ":") {
				return got
			}
			body.WriteString(lines[0])
		}
		if lines[0] != "-----END "+label+"-----" {
			return got
		}
		lines = lines[1:]
		c := decoded(body.String())
		if c == nil {
			return got
		}
		got.certs[c.Subject.CommonName] = true
	}
}

// beginning finds the next BEGIN line. It skips a byte order mark at the start of the
// first line.
func beginning(lines []string) (label string, rest []string, ok bool) {
	for i, line := range lines {
		if i == 0 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		label, begins := strings.CutPrefix(line, "-----BEGIN ")
		if label, ends := strings.CutSuffix(label, "-----"); begins && ends {
			return label, lines[i+1:], true
		}
	}
	return "", nil, false
}

// gets returns the lines as BIO_gets does: text behind a NUL is lost, and a line that
// begins with a NUL ends the file.
func gets(text string) (lines []string) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "\x00")
		if line == "" {
			break
		}
		lines = append(lines, strings.TrimRightFunc(line, func(r rune) bool { return r <= ' ' || r >= 0x80 }))
	}
	return lines
}

func decoded(body string) *x509.Certificate {
	body, _, _ = strings.Cut(body, "-")
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(body), ""))
	if err != nil {
		return nil
	}
	rest, first := cryptobyte.String(der), cryptobyte.String(nil)
	if !rest.ReadASN1Element(&first, asn1.SEQUENCE) {
		return nil
	}
	c, err := x509.ParseCertificate(first)
	if err != nil {
		return nil
	}
	return c
}

// OpenSSL itself reads the repaired bundles.
func TestDamagedBundlesWithOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("there is no openssl here")
	}
	first, second, ours := roottest.NewCA(t, "First").PEM(), roottest.NewCA(t, "Second").PEM(), roottest.NewCA(t, "Ours").PEM()
	for i, damage := range damages {
		text := first + damage(second) + first
		after, _ := install(t, bundleTree(text), installer.Options{}, source(t, "ours", ours))
		dir := t.TempDir()
		for name, text := range map[string]string{"bundle": bundleOf(after), "first": first, "ours": ours} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		verify := exec.CommandContext(t.Context(), openssl, "verify", "-no-CApath", "-no-CAstore", "-CAfile", "bundle", "first", "ours")
		verify.Dir, verify.Env = dir, []string{}
		if out, err := verify.CombinedOutput(); err != nil {
			t.Errorf("damage %d: %v: %s", i, err, out)
		}
	}
}

// A warning says what happened to a block, and does not exaggerate.
func TestDamagedBundleWarnings(t *testing.T) {
	good, bad := roottest.NewCA(t, "Good").PEM(), roottest.NewCA(t, "Bad").PEM()
	for _, test := range []struct{ what, text, want string }{
		{"HTML", good + "<p>-----BEGIN CERTIFICATE-----</p>\n" + bad, "keeps some programs from reading it, line N: cut off: no END line: it was taken out, and the record keeps it"},
		{"no END line", good + strings.Replace(bad, "-----END CERTIFICATE-----\n", "", 1), "keeps programs from reading any of it, line N: cut off: no END line: it was written anew, and the record keeps what it was"},
		{"base64", good + strings.Replace(bad, "\nMII", "\n!!!", 1), "keeps programs from reading any of it, line N: damaged base64: '!' is not a character of it: it was taken out, and the record keeps it"},
		{"UTF-16", good + utf16be(bad), "keeps some programs from reading it, it is binary or UTF-16, and OpenSSL takes it for the end of the file: it was written anew, and the record keeps what it was"},
		{"glued", strings.TrimSpace(good) + bad, "keeps programs from reading any of it, it stood on the END line of the one before: it was set on a line of its own"},
	} {
		_, report := install(t, bundleTree(test.text), installer.Options{}, corp(t))
		got := regexp.MustCompile(`line \d+`).ReplaceAllString(strings.Join(report.Warnings, "\n"), "line N")
		if !strings.Contains(got, "/etc/ssl/certs/ca-certificates.crt had a block that "+test.want) {
			t.Errorf("%s: %s", test.what, got)
		}
	}
}
