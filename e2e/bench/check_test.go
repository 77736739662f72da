//go:build e2e

package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/roottest"
)

const (
	fleetBases  = 10
	fleetImages = 200
)

// tenBases pushes fleetBases bases of Debian, and fleetImages images with a layer of
// their own on one of them, and returns their names in the registry.
func tenBases(t *testing.T, host string) (names []string) {
	t.Helper()
	l := roottest.NewLayout(t)
	l.Level = gzip.BestSpeed
	var bases []string
	for i := range fleetBases {
		debian, err := os.ReadFile(rig.Tarball(t, []string{"bookworm", "trixie"}[i%2], "", "ca-certificates"))
		if err != nil {
			t.Fatal(err)
		}
		mark := roottest.Tar(t, roottest.File("etc/base", fmt.Sprint(i)))
		mark = mark[:len(mark)-1024] // the end of an archive
		bases = append(bases, l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{append(mark, debian...)}}), fmt.Sprint("base", i)))
	}
	for i := range fleetImages {
		own := roottest.Tar(t, roottest.File("opt/app", strings.Repeat(fmt.Sprintf("%d\n", i), 10_000)))
		names = append(names, fmt.Sprint("/fleet:", i))
		put(t, l.OnTop(bases[i%fleetBases], fmt.Sprint(i), own), host+names[i])
	}
	return names
}

// Each way ends with status 5 where it finds something.
const (
	// checkWhole reads each image whole, as scanners do that keep nothing.
	checkWhole = `while read -r image; do
	  /usr/bin/time -q -a -o "$PEAKS" crane export --insecure "$image" - | tar -xO etc/ssl/certs/ca-certificates.crt >/dev/null
	done <"$2"`
	checkList = `/usr/bin/time -q -a -o "$PEAKS" "$1" check --quiet --from-file "$2" --cache "$3" || [ $? = 5 ]`
	// distrustList takes a CA of Debian's out of each image.
	distrustList = `/usr/bin/time -q -a -o "$PEAKS" "$1" distrust --quiet --from-file "$2" --cache "$3" "$4"`
)

// benchCheck measures check and distrust over a list, and returns the rows of a table.
func benchCheck(t *testing.T) [][]string {
	t.Helper()
	t.Setenv("CERTGRAFT_CACHE", "")
	installCrane(t)
	r := rig.StartRegistry(t, nil)
	names := tenBases(t, r.Host)
	p := rig.NewProxy(t, r.Host)
	list := func(line func(ref string) string) string {
		var text strings.Builder
		for _, name := range names {
			fmt.Fprintln(&text, line(p.Host+name))
		}
		return rig.Write(t, filepath.Join(t.TempDir(), "images"), text.String())
	}
	images, cache := list(func(ref string) string { return ref }), t.TempDir()
	to := func(tag string) string { return list(func(ref string) string { return ref + " " + ref + "-" + tag }) }
	unwanted := filepath.Join(t.TempDir(), "ca.pem")
	rig.Run(t, "sh", "-c", `tar -xOf "$1" ./usr/share/ca-certificates/mozilla/GTS_Root_R4.crt >"$2"`, "sh", rig.Tarball(t, "bookworm", "", "ca-certificates"), unwanted)

	whole := measure(t, p, checkWhole, "", images)
	first := measure(t, p, checkList, rig.Certgraft, images, cache)
	again := measure(t, p, checkList, rig.Certgraft, images, cache)
	distrust := measure(t, p, distrustList, rig.Certgraft, to("first"), t.TempDir(), unwanted)
	known := measure(t, p, distrustList, rig.Certgraft, to("known"), cache, unwanted)
	for what, bad := range map[string]bool{
		"check of a list is slower than 1/5 of reading each image whole":          first.wall > whole.wall/5,
		"check of a list reads more than 1/10 of all images: not each layer once": first.down > whole.down/10,
		"check with known layers is slower than 1/15 of reading each image whole": again.wall > whole.wall/15,
		"distrust of a list reads more than 1/10 of all images":                   distrust.down > whole.down/10,
		"it takes more than 64 MiB of memory":                                     max(first.memory, again.memory, distrust.memory, known.memory) > 64<<20,
	} {
		if bad {
			t.Error(what)
		}
	}
	return [][]string{
		{"way", "time", "ratio", "down", "up", "peak memory"},
		whole.row("each image whole, one by one: crane export, tar", whole),
		first.row("certgraft check --from-file", whole),
		again.row("certgraft check --from-file, layers known", whole),
		distrust.row("certgraft distrust --from-file", whole),
		known.row("certgraft distrust --from-file, layers known", whole),
	}
}

// TestBenchCheck writes docs/benchmarks-check.md. It runs only when asked for:
// make bench PART=check.
func TestBenchCheck(t *testing.T) {
	part(t, "check")
	var out strings.Builder
	fmt.Fprintf(&out, "# Benchmarks of check and distrust\n\nOne run of `make bench`: %d images of %d bases in a registry on the same machine. Each base is a Debian, and each image has one\n"+
		"small layer of its own. Bytes were counted on the way to the registry. Only the ratios of one run say something about another machine.\n\n", fleetImages, fleetBases)
	out.WriteString(rows(benchCheck(t)))
	t.Log("\n" + out.String())
	rig.Write(t, rig.File("docs/benchmarks-check.md"), out.String())
}
