package command_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/roottest"
)

// Two hundred images on ten bases: check reads each layer once.
func TestCheckReadsEachLayerOnce(t *testing.T) {
	const images, bases = 200, 10
	r, l := roottest.NewRegistry(t), roottest.NewLayout(t)
	var list strings.Builder
	for i := range images {
		base := i % bases
		below := roottest.Tar(t, roottest.Dir("etc/"), roottest.Dir("etc/ssl/"), roottest.Dir("etc/ssl/certs/"), roottest.File("etc/base", fmt.Sprint(base)),
			roottest.File("etc/ssl/certs/ca-certificates.crt", ""))
		own := roottest.Tar(t, roottest.File("app", fmt.Sprint(i)))
		from := l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{below, own}}), fmt.Sprint(i))
		to := fmt.Sprintf("%s/team%d/app:%d", r.Host, i%7, i)
		copyImage(t, from, to)
		fmt.Fprintln(&list, to)
	}
	r.Requests()
	r.Moved()
	file := filepath.Join(t.TempDir(), "images.txt")
	if err := os.WriteFile(file, []byte(list.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	out, errs := run(t, 0, "check", "--from-file", file)
	if !strings.Contains(out+errs, fmt.Sprintf("total: %d roots: %d clean", images, images)) {
		t.Errorf("%s\n%s", out, errs)
	}
	read := map[string]int{}
	for _, request := range r.Requests() {
		if digest, ok := strings.CutPrefix(request, "GET blobs/"); ok {
			read[digest]++
		}
	}
	again := 0
	for digest, n := range read {
		if n > 1 {
			again++
			t.Logf("%s was read %d times", digest, n)
		}
	}
	if again > 0 || len(read) < images+bases {
		t.Errorf("of %d blobs %d were read again", len(read), again)
	}
}

func copyImage(t *testing.T, from, to string) {
	t.Helper()
	l := &image.Locations{}
	source, err := l.Parse(from)
	if err != nil {
		t.Fatal(err)
	}
	img, err := source.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	place, err := l.Parse(to)
	if err == nil {
		err = place.Put(t.Context(), img)
	}
	if err != nil {
		t.Fatal(err)
	}
}
