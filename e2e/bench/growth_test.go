//go:build e2e

package bench

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/certgraft/certgraft/e2e/rig"
)

// part skips a measurement that was not asked for. CERTGRAFT_BENCH is 1 for all
// of them, or names some: CERTGRAFT_BENCH=growth-install,binary. The part growth
// is every part whose name begins with it.
func part(t *testing.T, name string) {
	t.Helper()
	asked := os.Getenv("CERTGRAFT_BENCH")
	if asked == "1" {
		return
	}
	family, _, _ := strings.Cut(name, "-")
	for one := range strings.SplitSeq(asked, ",") {
		if one == name || one == family {
			return
		}
	}
	t.Skip("measured by make bench, not by a test run")
}

// growthFile holds a section for each part that was measured by itself.
var growthFile = rig.File("docs/benchmarks-growth.md")

const growthIntro = `# Benchmarks as the work grows

Written by ` + "`make bench`" + `, one section for each part, which ` + "`make bench PART=NAME`" + ` measures by itself. certgraft is beside the real
tools; both times of a row were measured in one run on the same machine, and only their ratio says something about another.
`

// section writes one section of the page, in place of the one that was there.
func section(t *testing.T, name, title, text string, table [][]string) {
	t.Helper()
	page := growthIntro
	if data, err := os.ReadFile(growthFile); err == nil {
		page = string(data)
	}
	heading := "\n## " + title + "\n"
	fresh := heading + "\n" + text + " Part `" + name + "`.\n\n" + rows(table)
	if at := strings.Index(page, heading); at >= 0 {
		rest := page[at+len(heading):]
		if end := strings.Index(rest, "\n## "); end >= 0 {
			rest = rest[end:]
		} else {
			rest = ""
		}
		page = page[:at] + fresh + rest
	} else {
		page += fresh
	}
	t.Log("\n" + fresh)
	rig.Write(t, growthFile, page)
}

// rows returns a table whose first row is its head.
func rows(table [][]string) string {
	var out strings.Builder
	for i, row := range table {
		fmt.Fprintf(&out, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintln(&out, strings.Repeat("| --- ", len(row))+"|")
		}
	}
	return out.String()
}

// manyCAs returns n roots, each of its own name and key, as PEM.
func manyCAs(t *testing.T, n int) string {
	t.Helper()
	var out strings.Builder
	for i := range n {
		public, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i) + 1), Subject: pkix.Name{CommonName: fmt.Sprintf("Growth Root %d", i), Organization: []string{"Growth"}},
			NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(10, 0, 0),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
		if err != nil {
			t.Fatal(err)
		}
		if err := pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

// TestBenchGrowthInstall installs more and more certificates.
func TestBenchGrowthInstall(t *testing.T) {
	part(t, "growth-install")
	table := [][]string{{"certificates", "certgraft", "awk and update-ca-certificates", "ratio", "certgraft, again"}}
	for _, x := range []struct{ n, rounds int }{{10, 5}, {100, 3}, {1000, 3}, {10_000, 1}} {
		ours, theirs, again := benchMany(t, x.n, x.rounds)
		ratio := float64(ours) / float64(theirs)
		table = append(table, []string{fmt.Sprint(x.n), ms(ours), ms(theirs), fmt.Sprintf("%.4f", ratio), ms(again)})
		if ratio > 1.0/20 {
			t.Errorf("%d certificates: %v against %v, which is more than 1/20", x.n, ours, theirs)
		}
	}
	section(t, "growth-install", "Install, by certificates",
		"Made roots with Ed25519 keys into fresh copies of a Debian root, which has 140 of its own. The last column installs them once more, which changes nothing.", table)
}

// benchMany measures both with n certificates, and our second run. Both end with
// the same bundle but for the order.
func benchMany(t *testing.T, n, rounds int) (ours, theirs, again time.Duration) {
	t.Helper()
	base := spread(t, rig.Debian(t, "trixie"))
	bundle := rig.Write(t, filepath.Join(base, "tmp/growth.pem"), manyCAs(t, n))
	var copies []string
	for i := range 2 * rounds {
		copies = append(copies, fmt.Sprintf("%s-%d", base, i))
		rig.Run(t, "cp", "-a", base, copies[i])
	}
	next := 0
	fresh := func() string {
		next++
		syscall.Sync()
		return copies[next-1]
	}
	const split = `cd /usr/local/share/ca-certificates && awk '/-----BEGIN/{n++} {print > ("growth-" n ".crt"); if (/-----END/) close("growth-" n ".crt")}' /tmp/growth.pem && update-ca-certificates`
	var second []time.Duration
	ours, theirs = medians(rounds, func() time.Duration {
		root := fresh()
		first := tookOf(t, rig.Certgraft, "install", "--quiet", "--root", root, bundle)
		second = append(second, tookOf(t, rig.Certgraft, "install", "--quiet", "--root", root, bundle))
		return first
	}, func() time.Duration {
		root := fresh()
		return tookOf(t, "chroot", root, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "sh", "-ec", split)
	})
	if a, b := certificatesOf(t, copies[0]), certificatesOf(t, copies[1]); !slices.Equal(a, b) {
		t.Errorf("%d certificates: the bundles differ: %d and %d certificates", n, len(a), len(b))
	}
	slices.Sort(second)
	return ours, theirs, second[len(second)/2]
}

// tookOf returns how long a command takes that succeeds.
func tookOf(t *testing.T, name string, args ...string) time.Duration {
	t.Helper()
	start := time.Now()
	rig.Run(t, name, args...)
	return time.Since(start)
}

// certificatesOf returns the certificates of a root's bundle, sorted.
func certificatesOf(t *testing.T, root string) []string {
	t.Helper()
	all := strings.Split(rig.Read(t, filepath.Join(root, "etc/ssl/certs/ca-certificates.crt")), "-----BEGIN CERTIFICATE-----")
	slices.Sort(all)
	return all
}
