//go:build e2e

package bench

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/roottest"
)

// measured is what one way to patch an image took.
type measured struct {
	wall     time.Duration
	down, up int64 // bytes
	memory   int64 // bytes, of the process that took most
}

func (m measured) row(what string, than measured) []string {
	return []string{
		what, fmt.Sprintf("%.2f s", m.wall.Seconds()), fmt.Sprintf("%.3f", m.wall.Seconds()/than.wall.Seconds()),
		fmt.Sprintf("%.2f MB", float64(m.down)/1e6), fmt.Sprintf("%.2f MB", float64(m.up)/1e6), fmt.Sprintf("%.0f MB", float64(m.memory)/1e6),
	}
}

// measure runs a script and says what it took.
func measure(t *testing.T, p *rig.Proxy, script string, args ...string) measured {
	t.Helper()
	p.Down.Store(0)
	p.Up.Store(0)
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	peaks := filepath.Join(t.TempDir(), "peaks") // this process is large, which would count as theirs
	cmd := exec.CommandContext(ctx, "bash", append([]string{"-euo", "pipefail", "-c", script, "bench"}, args...)...)
	cmd.Env = append(os.Environ(), "TIME=%M", "PEAKS="+peaks)
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	m := measured{wall: time.Since(start), down: p.Down.Load(), up: p.Up.Load()}
	for line := range strings.Lines(rig.Read(t, peaks)) { // in KiB, a line for each command
		var kilobytes int64
		if _, err := fmt.Sscan(line, &kilobytes); err != nil {
			t.Fatal(err)
		}
		m.memory = max(m.memory, kilobytes<<10)
	}
	return m
}

// bigLayer writes a layer with size bytes of what programs are made of: some of
// it compresses.
func bigLayer(t *testing.T, seed uint64, size int) []byte {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 0))
	r, w := io.Pipe()
	go func() {
		archive := tar.NewWriter(w)
		block := make([]byte, 1<<20)
		for i := range size >> 20 {
			for j := 0; j < len(block); j += 8 {
				v := random.Uint64()
				if j%32 < 16 {
					v = uint64(i) // every other half repeats
				}
				for k := range 8 {
					block[j+k] = byte(v >> (8 * k))
				}
			}
			_ = archive.WriteHeader(&tar.Header{Name: fmt.Sprintf("opt/app/%d", i), Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(block))})
			_, _ = archive.Write(block)
		}
		_ = w.CloseWithError(archive.Close())
	}()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// benchImage pushes an index of two platforms, each with Debian below and a
// layer of 1 GB on top, and returns its name in the registry.
func benchImage(t *testing.T, host string) string {
	t.Helper()
	l := roottest.NewLayout(t)
	l.Level = gzip.BestSpeed
	var children []roottest.Descriptor
	for i, platform := range []string{"linux/amd64", "linux/arm64"} {
		suite := []string{"bookworm", "trixie"}[i]
		base, err := os.ReadFile(rig.Tarball(t, suite, "", "ca-certificates"))
		if err != nil {
			t.Fatal(err)
		}
		steps := []any{map[string]any{"created_by": "/bin/sh -c #(nop) ADD file:1 in / "}, map[string]any{"created_by": "COPY . /opt/app # buildkit"}}
		children = append(children, l.Image(roottest.Image{
			Packed: "gzip", Platform: platform, Layers: [][]byte{base, bigLayer(t, uint64(i), 1<<30)},
			Config: map[string]any{"history": steps, "config": map[string]any{"Cmd": []string{"sh"}}},
		}))
	}
	put(t, l.Tag(l.Index(roottest.OCIIndex, nil, children...), "x"), host+"/app:1")
	return "/app:1"
}

// byHand patches an index as its users do today: for each platform the bundle
// is read out of the flattened image, extended, and put on top.
const byHand = `cd "$(mktemp -d)"
for arch in amd64 arm64; do
  /usr/bin/time -a -o "$PEAKS" crane export --insecure --platform linux/$arch "$1" - | tar -xO etc/ssl/certs/ca-certificates.crt > bundle
  mkdir -p etc/ssl/certs && cat bundle "$2" > etc/ssl/certs/ca-certificates.crt
  tar -cf layer.tar etc/ssl/certs/ca-certificates.crt
  /usr/bin/time -a -o "$PEAKS" crane append --insecure --platform linux/$arch -b "$1" -f layer.tar -t "$1-$arch" >/dev/null
done
crane index append --insecure -m "$1-amd64" -m "$1-arm64" -t "$1-by-hand" >/dev/null`

// benchPatch measures patching an index beside doing it by hand with crane, and
// beside incert where it is installed, and returns the rows of a table.
func benchPatch(t *testing.T) [][]string {
	t.Helper()
	installCrane(t)
	corp := rig.NewAuthority(t, "Corp Root")
	r := rig.StartRegistry(t, nil)
	name := benchImage(t, r.Host)
	p := rig.NewProxy(t, r.Host)
	ref, cache := p.Host+name, t.TempDir()
	patch := `/usr/bin/time -a -o "$PEAKS" "$1" patch --quiet "$2" "$3" --tag "$2-$4" --scan "$5" ${6:+--cache "$6"}`
	hand := measure(t, p, byHand, ref, corp.CAFile)
	all := measure(t, p, patch, rig.Certgraft, ref, corp.CAFile, "all", "all", "")
	auto := measure(t, p, patch, rig.Certgraft, ref, corp.CAFile, "auto", "auto", "")
	measure(t, p, patch, rig.Certgraft, ref, corp.CAFile, "fill", "auto", cache)
	known := measure(t, p, patch, rig.Certgraft, ref, corp.CAFile, "known", "auto", cache)
	ways := [][]string{
		{"way", "time", "ratio", "down", "up", "peak memory"},
		hand.row("by hand: crane export, tar, crane append, crane index append", hand),
		all.row("certgraft patch --scan all", hand),
		auto.row("certgraft patch", hand),
		known.row("certgraft patch --cache, layers known", hand),
	}
	if _, err := exec.LookPath("incert"); err == nil {
		other := measure(t, p, `/usr/bin/time -a -o "$PEAKS" incert -image-url="$1" -ca-certs-file="$2" -dest-image-url="$1-incert"`, ref, corp.CAFile)
		ways = append(ways, other.row("incert", hand))
	}
	ways = append(ways, benchPatchFirst(t, p, r.Host, patch, ref, corp.CAFile)...)
	for what, bad := range map[string]bool{
		"--scan all is slower than 0.6 of by hand":    all.wall.Seconds() > 0.6*hand.wall.Seconds(),
		"--scan auto is slower than 1/8":              auto.wall.Seconds() > hand.wall.Seconds()/8,
		"--scan auto moves more than 1/10":            auto.down > hand.down/10,
		"with known layers it is slower than 1/50":    known.wall.Seconds() > hand.wall.Seconds()/50,
		"with known layers it moves more than 0.5 MB": known.down+known.up > 500_000,
		"it takes more than 64 MiB of memory":         max(all.memory, auto.memory, known.memory) > 64<<20,
	} {
		if bad {
			t.Error(what)
		}
	}
	return ways
}

// benchPatchFirst measures each way in turns with the first round's binary, and
// returns rows whose ratio is to that.
func benchPatchFirst(t *testing.T, p *rig.Proxy, host, patch, ref, ca string) [][]string {
	t.Helper()
	first := firstRound(t)
	if first == "" {
		return nil
	}
	var rows [][]string
	for _, way := range []struct {
		name, scan string
		cached     bool
		turns      int
	}{
		{"certgraft patch --scan all", "all", false, 3},
		{"certgraft patch", "auto", false, 9},
		{"certgraft patch --cache, layers known", "auto", true, 15},
	} {
		caches := [2]string{t.TempDir(), t.TempDir()}
		rows = append(rows, beside(t, way.name, way.turns, func(_, i int) measured {
			cache := ""
			if way.cached {
				cache = caches[i]
			}
			return measure(t, p, patch, [2]string{rig.Certgraft, first}[i], ref, ca, fmt.Sprintf("turn-%d", i), way.scan, cache)
		})...)
	}
	return append(rows, benchFleet(t, p, host, first, ca)...)
}

// beside measures certgraft, which is 0, and the first round's, which is 1, in
// turns, and returns a row of each. It is the fastest of its turns, but for the
// first, which fills caches, with the memory of the one that took most.
func beside(t *testing.T, name string, turns int, take func(turn, i int) measured) [][]string {
	t.Helper()
	var best [2]measured
	for turn := range turns + 1 {
		for i := range best {
			m := take(turn, i)
			if turn > 1 {
				m.memory = max(m.memory, best[i].memory)
				m.wall = min(m.wall, best[i].wall)
			}
			if turn > 0 {
				best[i] = m
			}
		}
	}
	ours, theirs := best[0], best[1]
	for what, bad := range map[string]bool{
		"takes more than 1.05 of its time": ours.wall.Seconds() > 1.05*theirs.wall.Seconds(),
		// The program itself is larger by a megabyte, and its pages are counted too.
		"takes more than 1.1 of its memory": float64(ours.memory) > 1.1*float64(theirs.memory),
		"moves more bytes":                  float64(ours.down+ours.up) > 1.05*float64(theirs.down+theirs.up)+2e6, // of questions about what was signed
	} {
		if bad {
			t.Errorf("beside the first round, %s %s", name, what)
		}
	}
	return [][]string{theirs.row(name+", the first round", theirs), ours.row(name+", beside it", theirs)}
}

// benchFleet measures a list of 200 images, each Debian with a layer of its own on
// top, with an empty cache and with one that knows the layers.
func benchFleet(t *testing.T, p *rig.Proxy, host, first, ca string) [][]string {
	t.Helper()
	const images = 200
	base, err := os.ReadFile(rig.Tarball(t, "bookworm", "", "ca-certificates"))
	if err != nil {
		t.Fatal(err)
	}
	l := roottest.NewLayout(t)
	l.Level = gzip.BestSpeed
	debian := l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{base}}), "debian")
	for i := range images {
		own := roottest.Tar(t, roottest.File("opt/app", strings.Repeat(fmt.Sprintf("%d\n", i), 10_000)))
		put(t, l.OnTop(debian, fmt.Sprint(i), own), fmt.Sprintf("%s/fleet:%d", host, i))
	}
	patch := `/usr/bin/time -a -o "$PEAKS" "$1" patch --quiet --from-file "$2" "$3" --cache "$4"`
	var rows [][]string
	for _, way := range []struct {
		name   string
		cached bool
		turns  int
	}{
		{"certgraft patch --from-file, 200 images on one base", false, 2},
		{"certgraft patch --from-file, 200 images, layers known", true, 3},
	} {
		caches := [2]string{t.TempDir(), t.TempDir()}
		rows = append(rows, beside(t, way.name, way.turns, func(turn, i int) measured {
			cache, list := caches[i], strings.Builder{}
			if !way.cached {
				cache = t.TempDir()
			}
			for n := range images {
				fmt.Fprintf(&list, "%[1]s/fleet:%[2]d %[1]s/fleet:%[2]d-%[3]t-%[4]d-%[5]d\n", p.Host, n, way.cached, turn, i)
			}
			return measure(t, p, patch, [2]string{rig.Certgraft, first}[i], rig.Write(t, filepath.Join(t.TempDir(), "images"), list.String()), ca, cache)
		})...)
	}
	return rows
}

// put copies an image.
func put(t *testing.T, from, to string) {
	t.Helper()
	source, err := (&image.Locations{}).Parse(from)
	if err != nil {
		t.Fatal(err)
	}
	img, err := source.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	place, err := (&image.Locations{}).Parse(to)
	if err == nil {
		err = place.Put(t.Context(), img)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestBenchPatch writes docs/benchmarks-patch.md. It runs only when asked for:
// make bench.
func TestBenchPatch(t *testing.T) {
	part(t, "patch")
	var out strings.Builder
	out.WriteString("# Benchmarks of patch\n\nOne run of `make bench`: an index of two platforms, each with Debian below and a layer of 1 GB on top, and lists of 200 images,\neach a small layer on the same Debian, in a registry on the same machine.\n" +
		"Bytes were counted on the way to the registry. Only the ratios of one run say something about another machine.\n\n")
	out.WriteString(rows(benchPatch(t)))
	t.Log("\n" + out.String())
	rig.Write(t, rig.File("docs/benchmarks-patch.md"), out.String())
}
