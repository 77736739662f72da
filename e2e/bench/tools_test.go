//go:build e2e

package bench

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/roottest"
)

// TestBench measures certgraft beside the real tools and beside its first round in
// one run, checks the ratios that are promised, and writes docs/benchmarks.md. It
// runs only when asked for: make bench.
func TestBench(t *testing.T) {
	part(t, "tools")
	table := [][]string{{"what", "certgraft", "beside", "ratio", "promised"}}
	add := func(what string, ours, theirs time.Duration, most float64, promised string) {
		ratio := float64(ours) / float64(theirs)
		table = append(table, []string{what, ms(ours), ms(theirs), fmt.Sprintf("%.4f", ratio), promised})
		if ratio > most {
			t.Errorf("%s: %v against %v, ratio %.4f is more than %.4f", what, ours, theirs, ratio, most)
		}
	}
	benchInstalls(t, add)
	ours, theirs := benchKeystore(t)
	add("110 certificates into the trust store of a Java runtime", ours, theirs, 1.0/200, "at most 1/200 of keytool -importcert, one by one")
	ours, theirs = benchP11Kit(t)
	add("install the RDS snapshot on a root laid out like Fedora", ours, theirs, 1.0/5, "at most 1/5 of update-ca-trust")
	ours, theirs = benchStart(t)
	add("start: certgraft --version and a Go program that does nothing", ours, theirs, 4, "under 4")
	ours, theirs = benchVerify(t)
	add("verify a server on loopback, with Debian's roots: certgraft and openssl s_client", ours, theirs, 0.7, "at most 0.7")
	if ours = benchInspect(t); ours >= 50*time.Millisecond {
		t.Errorf("inspect takes %v", ours)
	}
	table = append(table, []string{"inspect a Debian root", ms(ours), "", "", "under 50 ms"})
	info, err := os.Stat(rig.Certgraft)
	if err != nil {
		t.Fatal(err)
	}
	most := largest(t)
	if info.Size() > most<<20 {
		t.Errorf("the binary has %d bytes", info.Size())
	}
	table = append(table, []string{"size of the static binary", fmt.Sprintf("%.2f MiB", float64(info.Size())/(1<<20)), "", "", fmt.Sprintf("at most %d MiB", most)})
	writeBenchmarks(t, table)
}

// largest returns how many MiB the binary may have: the Makefile says so.
func largest(t *testing.T) (most int64) {
	t.Helper()
	for line := range strings.Lines(rig.Read(t, rig.File("Makefile"))) {
		if name, value, ok := strings.Cut(line, ":="); ok && strings.TrimSpace(name) == "LARGEST" {
			if _, err := fmt.Sscan(value, &most); err != nil {
				t.Fatal(err)
			}
		}
	}
	if most == 0 {
		t.Fatal("the Makefile has no LARGEST")
	}
	return most
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

// median runs a measurement n times, each after a sync: by this process, since one
// more that ends takes time from what is measured.
func median(t *testing.T, n int, measure func() time.Duration) time.Duration {
	t.Helper()
	var all []time.Duration
	for range n {
		syscall.Sync()
		all = append(all, measure())
	}
	slices.Sort(all)
	return all[n/2]
}

// medians measures two things n times each, in turns, so that what else the
// machine does meanwhile is borne by both.
func medians(n int, ours, theirs func() time.Duration) (time.Duration, time.Duration) {
	var all [2][]time.Duration
	for range n {
		all[0], all[1] = append(all[0], ours()), append(all[1], theirs())
	}
	slices.Sort(all[0])
	slices.Sort(all[1])
	return all[0][n/2], all[1][n/2]
}

// benchKeystore measures both on a store of Debian's; keytool takes so long that
// it runs once.
func benchKeystore(t *testing.T) (ours, theirs time.Duration) {
	t.Helper()
	root := rig.JavaRoot(t, "bookworm")
	var pems strings.Builder
	for i := range 110 {
		pem := roottest.NewCA(t, fmt.Sprint("Root ", i)).PEM()
		pems.WriteString(pem)
		rig.Write(t, filepath.Join(root, fmt.Sprintf("tmp/%03d.pem", i)), pem)
	}
	bundle := rig.Write(t, filepath.Join(root, "tmp/bundle.pem"), pems.String())
	ours = median(t, 7, func() time.Duration {
		start := time.Now()
		rig.Run(t, rig.Certgraft, "install", "--quiet", "--stores", "java", "--root", root, bundle)
		took := time.Since(start)
		rig.Run(t, rig.Certgraft, "remove", "--quiet", "--root", root, "--all")
		return took
	})
	start := time.Now()
	rig.InJava(t, root, "sh", "-ec", "for f in /tmp/???.pem; do keytool -importcert -noprompt -storepass changeit -keystore /etc/ssl/certs/java/cacerts -alias $f -file $f; done")
	return ours, time.Since(start)
}

// benchP11Kit measures both on fresh copies of one root.
func benchP11Kit(t *testing.T) (ours, theirs time.Duration) {
	t.Helper()
	f := rig.P11Families[0]
	root := f.Root(t)
	f.LayMozilla(t, root)
	f.Tool(t, root)
	ours = median(t, 7, func() time.Duration {
		start := time.Now()
		rig.Run(t, rig.Certgraft, "install", "--offline", "--quiet", "--root", root, "aws-rds")
		took := time.Since(start)
		rig.Run(t, rig.Certgraft, "remove", "--quiet", "--root", root, "--all")
		return took
	})
	rig.Run(t, rig.Certgraft, "bundle", "--offline", "--output", filepath.Join(root, f.Trust[0], "anchors/rds.pem"), "aws-rds")
	theirs = median(t, 3, func() time.Duration {
		start := time.Now()
		f.Tool(t, root)
		return time.Since(start)
	})
	return ours, theirs
}

// benchStart measures how long it takes to start and do next to nothing.
func benchStart(t *testing.T) (ours, theirs time.Duration) {
	t.Helper()
	dir := t.TempDir()
	rig.Write(t, filepath.Join(dir, "main.go"), "package main\n\nfunc main() {}\n")
	nothing := filepath.Join(dir, "nothing")
	rig.Run(t, "env", "CGO_ENABLED=0", "go", "build", "-o", nothing, filepath.Join(dir, "main.go"))
	start := func(name string, args ...string) func() time.Duration {
		return func() time.Duration {
			cmd := exec.Command(name, args...)
			at := time.Now()
			if err := cmd.Run(); err != nil {
				t.Fatal(err)
			}
			return time.Since(at)
		}
	}
	return medians(101, start(rig.Certgraft, "--version"), start(nothing))
}

// timed returns the median time of a command that succeeds.
func timed(t *testing.T, n int, name string, args ...string) time.Duration {
	t.Helper()
	return median(t, n, func() time.Duration {
		start := time.Now()
		rig.Run(t, name, args...)
		return time.Since(start)
	})
}

// benchVerify measures both with the same server and the same roots: Debian's
// and one more.
func benchVerify(t *testing.T) (ours, theirs time.Duration) {
	t.Helper()
	root, corp := rig.Debian(t, "trixie"), rig.NewAuthority(t, "Corp Root")
	rig.Run(t, rig.Certgraft, "install", "--root", root, corp.CAFile)
	address := fmt.Sprintf("127.0.0.1:%d", rig.TLSServer(t, corp))
	run := func(name string, args ...string) func() time.Duration {
		return func() time.Duration {
			start := time.Now()
			rig.Run(t, name, args...)
			return time.Since(start)
		}
	}
	return medians(31, run(rig.Certgraft, "verify", "--quiet", "--root", root, address), run("openssl", "s_client", "-connect", address, "-verify_return_error", "-verify_ip", "127.0.0.1", "-no-CApath", "-no-CAstore",
		"-CAfile", filepath.Join(root, "etc/ssl/certs/ca-certificates.crt")))
}

func benchInspect(t *testing.T) time.Duration {
	t.Helper()
	return timed(t, 31, rig.Certgraft, "inspect", rig.Debian(t, "trixie"))
}

func writeBenchmarks(t *testing.T, table [][]string) {
	t.Helper()
	var out bytes.Buffer
	fmt.Fprintf(&out, "# Benchmarks\n\nMedians of one run of `make bench`, certgraft beside the real tools, and beside its first round\n(commit 4c675e9). Both times of a row were measured in turns on the same machine, each on a fresh copy of the same root; only their ratio\nsays something about another machine.\n\n")
	out.WriteString(rows(table))
	fmt.Fprint(&out, "\nMore: [patch](benchmarks-patch.md), [check and distrust over a list](benchmarks-check.md), [as the work grows](benchmarks-growth.md), with the parts of the binary, allocations, and what a recipe adds to an image.\n")
	t.Log("\n" + out.String())
	rig.Write(t, rig.File("docs/benchmarks.md"), out.String())
}
