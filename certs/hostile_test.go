package certs_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/roottest"
)

// Hostile input takes time in proportion to its size. If a loop were quadratic,
// a few megabytes would take minutes.
func TestParseIsLinear(t *testing.T) {
	size := 1 << 20
	if testing.Short() {
		size >>= 3
	}
	a := roottest.NewCA(t, "Root").PEM()
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	for name, data := range map[string]string{
		"dashes":                   fill("-"),
		"BEGIN":                    fill("-----BEGIN "),
		"BEGIN lines":              fill("-----BEGIN CERTIFICATE-----"),
		"END lines":                fill("-----END CERTIFICATE-----"),
		"BEGIN and END, glued":     fill("-----BEGIN CERTIFICATE----------END CERTIFICATE-----"),
		"one line":                 fill(strings.ReplaceAll(a, "\n", "")),
		"literal line feeds":       fill(strings.ReplaceAll(a, "\n", `\n`)),
		"carriage returns":         fill(strings.ReplaceAll(a, "\n", "\r")),
		"one block":                "-----BEGIN CERTIFICATE-----\n" + fill("\n") + "-----END CERTIFICATE-----\n",
		"headers":                  "-----BEGIN CERTIFICATE-----\n" + fill("a:\n") + "-----END CERTIFICATE-----\n",
		"signs of keys":            fill("- BEGIN PRIVATE KE"),
		"typographic dashes":       fill("\u2014BEGIN "),
		"nested indefinite length": fill("\x30\x80"),
		"nested sequences":         nested(3000),
		"empty sequences":          "\x30\x84" + "\x00\x0f\xff\x00" + fill("\x30\x00"),
		"DER headers":              fill("\x30\x82\x00\x00"),
		"brackets":                 fill("["),
		"JSON strings":             "[" + fill(`"-----BEGIN ",`) + `""]`,
		"base64":                   fill("QUJD"),
		"UTF-16":                   fill("-\x00"),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			for range certs.Parse([]byte(data)) {
			}
			for range certs.Blocks([]byte(data)) {
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// nested returns nested sequences, each like the first of PKCS#7.
func nested(depth int) string {
	der := []byte("\x30\x00")
	for range depth {
		der = tlv(0x30, []byte("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"), der)
	}
	return string(der)
}

func TestParseManyCertificates(t *testing.T) {
	count := 100_000
	if testing.Short() {
		count /= 10
	}
	a := roottest.NewCA(t, "Root").PEM()
	taken := 0
	for c, err := range certs.Parse([]byte(strings.Repeat(a, count))) {
		if c == nil || err != nil {
			t.Fatal(err)
		}
		taken++
	}
	if taken != count {
		t.Errorf("took %d of %d", taken, count)
	}
}

// An archive that unpacks to far more than its size, or to such archives, is
// read up to a bound.
func TestParseZIPBomb(t *testing.T) {
	ca := roottest.NewCA(t, "Root")
	many, inner := map[string]string{}, compressed(t, 7<<20)
	for i := range 20 {
		many[fmt.Sprintf("%03d.zip", i)] = inner
	}
	entries := map[string]string{}
	for i := range 5000 {
		entries[fmt.Sprint(i)] = ""
	}
	for name, test := range map[string]struct{ data, want string }{
		"large file":    {compressed(t, 9<<20), "too large"},
		"nested":        {zipped(t, many), "too large"},
		"many files":    {zipped(t, entries), "more than 4096 files"},
		"deeply nested": {deepZIP(t, ca.PEM()), "wrapped more than"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		taken, findings, err := certs.ParseAll([]byte(test.data))
		runtime.ReadMemStats(&after)
		if len(taken) > 0 || !errors.Is(err, certs.ErrNoCertificate) || !strings.Contains(fmt.Sprint(findings), test.want) {
			t.Errorf("%s: took %d, error %v, findings %.200q, want %q", name, len(taken), err, fmt.Sprint(findings), test.want)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 1<<30 {
			t.Errorf("%s: %d MiB were needed", name, used>>20)
		}
	}
}

// compressed returns an archive of one file with that many zeros.
func compressed(t testing.TB, size int) string {
	t.Helper()
	return zipped(t, map[string]string{"a": strings.Repeat("\x00", size)})
}

func deepZIP(t testing.TB, content string) string {
	for range 6 {
		content = zipped(t, map[string]string{"a.pem": content})
	}
	return content
}
