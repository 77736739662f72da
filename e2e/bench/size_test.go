//go:build e2e

package bench

import (
	"cmp"
	"debug/elf"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// parts of the binary, by the names of packages that they begin with. The first
// that fits counts.
var binaryParts = []struct{ prefix, name string }{
	{"github.com/certgraft/certgraft/bundles..gobytes", "snapshots of bundles"},
	{"golang.org/x/crypto/x509roots", "the Mozilla roots"},
	{"github.com/certgraft/certgraft/", "certgraft: "},
	{"main", "certgraft: main"},
	{"runtime", "Go's runtime"},
	{"internal/runtime", "Go's runtime"},
	{"net/http", "HTTP"},
	{"crypto", "cryptography and TLS"},
	{"vendor/golang.org/x/crypto", "cryptography and TLS"},
	{"golang.org/x/crypto", "cryptography and TLS"},
	{"net", "network and names"},
	{"vendor/golang.org/x/net", "network and names"},
	{"vendor/golang.org/x/text", "network and names"},
	{"github.com/klauspost/compress", "klauspost/compress: gzip and zstd"},
	{"github.com/google/go-containerregistry", "google/go-containerregistry"},
	{"github.com/urfave/cli", "urfave/cli"},
	{"github.com/schollz/progressbar", "schollz/progressbar"},
	{"github.com/hashicorp/", "hashicorp/go-retryablehttp"},
	{"github.com/pavlo-v-chernykh/", "Java trust stores: keystore-go, go-pkcs12"},
	{"software.sslmate.com/", "Java trust stores: keystore-go, go-pkcs12"},
	{"github.com/", "other modules"},
	{"golang.org/", "other modules"},
	{"go:", "types and function values"},
	{"type:", "types and function values"},
	{"", "the rest of Go's standard library"},
}

// partOf returns the part of the binary that a symbol belongs to.
func partOf(symbol string) string {
	for _, p := range binaryParts {
		rest, ok := strings.CutPrefix(symbol, p.prefix)
		switch {
		case !ok:
		case strings.HasSuffix(p.name, ": ") && p.prefix == "github.com/certgraft/certgraft/":
			rest, _, _ = strings.Cut(strings.TrimPrefix(rest, "internal/"), ".")
			rest, _, _ = strings.Cut(rest, "/")
			return p.name + rest
		case p.prefix == "" || strings.HasSuffix(p.prefix, "/") || strings.HasSuffix(p.prefix, ":") || strings.HasSuffix(p.prefix, "gobytes") || rest == "" || strings.ContainsAny(rest[:1], "./"):
			return p.name
		}
	}
	return ""
}

// TestBenchBinary says what the binary is made of.
func TestBenchBinary(t *testing.T) {
	part(t, "binary")
	// The binary as it is built, but with its symbols.
	name := filepath.Join(t.TempDir(), "certgraft")
	build := strings.TrimSpace(rig.Run(t, "make", "-s", "-n", "-C", rig.File("."), "build"))
	full := strings.NewReplacer("-ldflags '-s -w -funcalign=16'", "", "-o build/certgraft", "-o "+name).Replace(build)
	if strings.Count(full, name) != 1 || strings.Contains(full, "-s -w") {
		t.Fatalf("make build is not what it was: %s", build)
	}
	rig.Run(t, "sh", "-c", "cd .. && "+full)
	sizes, total := map[string]uint64{}, fileSize(t, rig.Certgraft)
	known := addSymbols(t, name, sizes)
	for _, s := range []string{".gopclntab"} { // where each function's code comes from, for traces
		size := sectionSize(t, rig.Certgraft, s)
		sizes["names and lines of functions"] += size
		known += size
	}
	if known > total {
		t.Fatalf("the parts have %d bytes, and the binary %d", known, total)
	}
	sizes["constants, strings and headers"] = total - known
	names := slices.Collect(maps.Keys(sizes))
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(sizes[b], sizes[a]), strings.Compare(a, b)) })
	table := [][]string{{"part", "KiB", "share"}}
	for _, n := range names {
		table = append(table, []string{n, fmt.Sprintf("%.0f", float64(sizes[n])/1024), fmt.Sprintf("%.1f %%", 100*float64(sizes[n])/float64(total))})
	}
	table = append(table, []string{"all", fmt.Sprintf("%.0f", float64(total)/1024), "100 %"})
	section(t, "binary", "The binary, by part", "Code and data by the package that they belong to, from the symbols of a build that keeps them.", table)
}

// addSymbols adds what of a binary's file belongs to symbols, and returns how
// much it is.
func addSymbols(t *testing.T, name string, sizes map[string]uint64) (sum uint64) {
	t.Helper()
	f, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(symbols, func(a, b elf.Symbol) int {
		return cmp.Or(cmp.Compare(a.Value, b.Value), cmp.Compare(b.Size, a.Size))
	})
	end := uint64(0) // of what was counted
	for _, s := range symbols {
		if int(s.Section) >= len(f.Sections) || f.Sections[s.Section].Type == elf.SHT_NOBITS || f.Sections[s.Section].Name == ".gopclntab" || s.Value < end {
			continue // not in the file, or counted
		}
		end = s.Value + s.Size
		sizes[partOf(s.Name)] += s.Size
		sum += s.Size
	}
	return sum
}

func sectionSize(t *testing.T, name, section string) uint64 {
	t.Helper()
	f, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := f.Section(section)
	if s == nil {
		t.Fatalf("%s has no section %s", name, section)
	}
	return s.FileSize
}

func fileSize(t *testing.T, name string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(strings.TrimSpace(rig.Run(t, "stat", "-c", "%s", name)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// benchLine is a line of go test -bench -benchmem.
var benchLine = regexp.MustCompile(`(?m)^(Benchmark\S+?)(?:-\d+)?\s+\d+\s+([\d.]+) ns/op(?:\s+[\d.]+ MB/s)?\s+(\d+) B/op\s+(\d+) allocs/op`)

// TestBenchAllocations lists what the hot paths allocate.
func TestBenchAllocations(t *testing.T) {
	part(t, "allocations")
	table := [][]string{{"package", "benchmark", "time", "memory", "allocations"}}
	for _, pkg := range []string{"certs", "keystore", "rootfs", "bundles", "installer", "image"} {
		out := rig.Run(t, "go", "test", "-C", rig.File("."), "-run", "^$", "-bench", ".", "-benchmem", "-benchtime", "0.5s", "./"+pkg)
		found := benchLine.FindAllStringSubmatch(out, -1)
		if len(found) == 0 {
			t.Errorf("%s has no benchmark:\n%s", pkg, out)
		}
		for _, m := range found {
			ns, _ := strconv.ParseFloat(m[2], 64)
			bytes, _ := strconv.ParseFloat(m[3], 64)
			table = append(table, []string{pkg, strings.TrimPrefix(m[1], "Benchmark"), fmt.Sprintf("%.1f µs", ns/1000), fmt.Sprintf("%.0f KiB", bytes/1024), m[4]})
		}
	}
	section(t, "allocations", "Hot paths, by allocations", "One run of each benchmark in the packages.", table)
}

// dockerClean is what Debian's own images have so that apt keeps no packages.
const dockerClean = `DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };
APT::Update::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
`

// seedRecipe is how bundles have been put into images by hand.
const seedRecipe = `FROM bare:e2e
COPY rds.pem /tmp/rds.pem
RUN apt-get update && apt-get install -y ca-certificates inotify-tools curl
RUN cat /tmp/rds.pem >> /etc/ssl/certs/ca-certificates.crt
`

const tidyRecipe = `FROM bare:e2e
RUN --mount=type=bind,source=rds.pem,target=/tmp/rds.pem apt-get update && apt-get install -y --no-install-recommends ca-certificates inotify-tools curl && \
    rm -rf /var/lib/apt/lists/* && cat /tmp/rds.pem >> /etc/ssl/certs/ca-certificates.crt
`

const ownRecipe = `FROM bare:e2e
RUN --mount=type=bind,source=certgraft,target=/certgraft --mount=type=bind,source=rds.pem,target=/rds.pem ["/certgraft", "install", "--with-mozilla", "/rds.pem"]
`

// TestBenchRecipe compares how much an image grows.
func TestBenchRecipe(t *testing.T) {
	part(t, "recipe")
	rig.ImportImage(t, rig.Tarball(t, "trixie", "bare"), "imported:e2e")
	dir := t.TempDir()
	rig.Write(t, filepath.Join(dir, "docker-clean"), dockerClean)
	rig.Write(t, filepath.Join(dir, "Dockerfile"), "FROM imported:e2e\nCOPY docker-clean /etc/apt/apt.conf.d/docker-clean\n")
	rig.Docker(t, "build", "-t", "bare:e2e", dir)
	rig.Run(t, rig.Certgraft, "bundle", "--offline", "--output", filepath.Join(dir, "rds.pem"), "aws-rds")
	rig.Run(t, "cp", rig.Certgraft, dir)
	base := imageSize(t, "bare:e2e")
	want := strings.Count(rig.Read(t, filepath.Join(dir, "rds.pem")), "BEGIN")
	table := [][]string{{"recipe", "added to the image", "ratio"}}
	var added []float64
	for _, r := range []struct{ name, dockerfile string }{
		{"apt install ca-certificates inotify-tools curl, then cat >>", seedRecipe},
		{"the same, without recommended packages and apt's lists", tidyRecipe},
		{"certgraft install --with-mozilla", ownRecipe},
	} {
		tag := fmt.Sprintf("recipe-%d:e2e", len(added))
		rig.Write(t, filepath.Join(dir, "Dockerfile"), r.dockerfile)
		rig.Docker(t, "build", "--network=host", "-t", tag, dir)
		held := rig.Docker(t, "run", "--rm", "--network", "none", tag, "cat", "/etc/ssl/certs/ca-certificates.crt")
		if got := strings.Count(held, "BEGIN"); got < want+100 {
			t.Errorf("%s: the bundle holds %d certificates", r.name, got)
		}
		grown := imageSize(t, tag) - base
		added = append(added, grown)
		table = append(table, []string{r.name, fmt.Sprintf("%.2f MB", grown/1e6), fmt.Sprintf("%.4f", grown/added[0])})
	}
	if own, tidy := added[2], added[1]; own > tidy/10 {
		t.Errorf("certgraft adds %.0f bytes, and the tidy recipe %.0f", own, tidy)
	}
	section(t, "recipe", "What a recipe adds to an image",
		"The RDS bundle into Debian's minimal system, which has no CA: built with the Docker engine, sizes as it tells them, without those of the base.", table)
}

func imageSize(t *testing.T, ref string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(strings.TrimSpace(rig.Docker(t, "image", "inspect", "-f", "{{.Size}}", ref)), 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
