package image_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

// A skipped layer is read after all if a link leads to its place: a store there
// counts too.
func TestLinksIntoUnreadLayers(t *testing.T) {
	big := roottest.File("data/trust/big", noise(2<<20))
	trust := roottest.Tar(t, roottest.Dir("data/"), roottest.Dir("data/trust/"), roottest.File("data/trust/bundle", "old\n"), big)
	for what, c := range map[string]struct {
		lower []roottest.Entry
		to    string // where the layer only copies to, by the history
		read  bool
	}{
		"a link to a file in it":   {[]roottest.Entry{roottest.Link("etc/bundle", "/data/trust/bundle")}, "/data/trust", true},
		"a relative one":           {[]roottest.Entry{roottest.Link("etc/bundle", "../data/./trust/bundle")}, "/data/trust", true},
		"a chain of links":         {[]roottest.Entry{roottest.Link("etc/bundle", "../hop/bundle"), roottest.Link("hop", "data/trust")}, "/data/trust", true},
		"up from where a link is":  {[]roottest.Entry{roottest.Link("etc/bundle", "/hop/../trust/bundle"), roottest.Link("hop", "data/else"), roottest.Dir("data/else")}, "/data/trust", true},
		"the directory is a link":  {[]roottest.Entry{roottest.Link("etc", "/data/trust")}, "/data/trust", true},
		"it copies the file":       {[]roottest.Entry{roottest.Link("etc/bundle", "/data/trust/bundle")}, "/data/trust/bundle", true},
		"to the directory above":   {[]roottest.Entry{roottest.Link("etc", "/data/trust")}, "/data/trust/bundle", true},
		"the place is there":       {[]roottest.Entry{roottest.Link("etc/bundle", "/data/trust/bundle"), roottest.File("data/trust/bundle", "lower\n")}, "/data/trust", true},
		"a link that nobody reads": {[]roottest.Entry{roottest.File("etc/bundle", "old\n"), roottest.Link("usr/bin/x", "/data/trust/x")}, "/data/trust", false},
		"a link to what is beside": {[]roottest.Entry{roottest.Link("etc/bundle", "/data/trusted"), roottest.Dir("data"), roottest.File("data/trusted", "old\n")}, "/data/trust", false},
	} {
		t.Run(what, func(t *testing.T) {
			l := roottest.NewLayout(t)
			config := map[string]any{"history": []any{map[string]any{"created_by": "base"}, map[string]any{"created_by": "COPY trust " + c.to + " # buildkit"}}}
			img := get(t, &image.Locations{}, l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{roottest.Tar(t, c.lower...), trust}, Config: config}), "x"))
			result := update(t, img, appendTo("etc/bundle"), image.Options{Scan: image.ScanAuto})
			if read := len(result.Parts[0].Skipped) == 0; read != c.read {
				t.Errorf("read: %v", read)
			}
			r, _, err := image.Root(t.Context(), result.Image, image.Options{})
			must(t, err)
			if data, err := fs.ReadFile(r, "etc/bundle"); err != nil || string(data) != "old\nnew\n" {
				t.Errorf("%q %v", data, err)
			}
			if all := update(t, img, appendTo("etc/bundle"), image.Options{}); all.Image.Descriptor.Digest != result.Image.Descriptor.Digest {
				t.Error("reading everything comes to something else")
			}
		})
	}
}

// noise returns data that does not compress.
func noise(size int) string {
	data := make([]byte, size)
	rand.NewChaCha8([32]byte{}).Read(data)
	return string(data)
}

// appendTo adds a line to a file, and creates a missing one.
func appendTo(name string) image.Edit {
	return func(r *rootfs.Overlay, _ *image.Config) error {
		data, err := r.ReadFile(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return r.WriteFile(name, append(data, "new\n"...), 0o644)
	}
}

// An edit writes nothing in or above the place of a skipped layer. It does not
// read a lower file that the layer may replace. An error of an edit that saw
// too little is ignored.
func TestEditsOfUnreadPlaces(t *testing.T) {
	lower := roottest.Tar(t, roottest.Dir("etc/"), roottest.File("data/trust/lower", "stale\n"))
	odd := roottest.Dir("data/trust/")
	odd.Mode, odd.Uid = 0o2750, 7
	upper := roottest.Tar(t, roottest.Dir("data/"), odd, roottest.File("data/trust/lower", "fresh\n"), roottest.File("data/trust/big", noise(2<<20)))
	config := map[string]any{"history": []any{map[string]any{"created_by": "base"}, map[string]any{"created_by": "COPY trust /data/trust # buildkit"}}}
	for what, c := range map[string]struct {
		edit image.Edit
		read bool
	}{
		"write into it":        {func(r *rootfs.Overlay, _ *image.Config) error { return r.WriteFile("data/trust/new", nil, 0o644) }, true},
		"make it":              {func(r *rootfs.Overlay, _ *image.Config) error { return r.MkdirAll("data/trust/x/y", 0o755) }, true},
		"what a lower one has": {appendTo("data/trust/lower"), true},
		"an edit that fails": {func(r *rootfs.Overlay, _ *image.Config) error {
			if data, err := r.ReadFile("data/trust/lower"); err != nil || string(data) != "fresh\n" {
				return errors.New("it is stale")
			}
			return nil
		}, true},
		"look for something": {func(r *rootfs.Overlay, _ *image.Config) error {
			_, err := r.Stat("data/trust/none")
			if _, listErr := r.ReadDir("data"); listErr != nil || !errors.Is(err, fs.ErrNotExist) {
				return errors.Join(err, listErr)
			}
			return nil
		}, false},
		"write beside it":        {func(r *rootfs.Overlay, _ *image.Config) error { return r.WriteFile("etc/new", nil, 0o644) }, false},
		"write below its parent": {func(r *rootfs.Overlay, _ *image.Config) error { return r.WriteFile("data/trusted", nil, 0o644) }, true},
	} {
		t.Run(what, func(t *testing.T) {
			l := roottest.NewLayout(t)
			img := get(t, &image.Locations{}, l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{lower, upper}, Config: config}), "x"))
			runs, edit := 0, c.edit
			result := update(t, img, func(r *rootfs.Overlay, c *image.Config) error {
				if runs++; c.Again != (runs > 1) {
					t.Errorf("run %d: again is %v", runs, c.Again)
				}
				return edit(r, c)
			}, image.Options{Scan: image.ScanAuto})
			if read := len(result.Parts[0].Skipped) == 0; read != c.read || read != (runs == 2) {
				t.Errorf("read: %v, %d runs", read, runs)
			}
			r, _, err := image.Root(t.Context(), result.Image, image.Options{})
			must(t, err)
			if mode := stat(t, r, "data/trust").Mode(); mode != fs.ModeDir|fs.ModeSetgid|0o750 {
				t.Errorf("the directory is %v", mode)
			}
			if data, err := fs.ReadFile(r, "data/trust/lower"); err != nil || !strings.HasPrefix(string(data), "fresh\n") {
				t.Errorf("%q %v", data, err)
			}
		})
	}
}

// A file stays removed if an earlier update removed it from a place that is
// skipped now.
func TestUnreadPlacesOfAnEarlierUpdate(t *testing.T) {
	lower := roottest.Tar(t, roottest.Dir("etc/"), roottest.Dir("opt/"), roottest.File("opt/bundle", "old\n"))
	upper := roottest.Tar(t, roottest.Dir("opt/"), roottest.File("opt/x/gone", ""), roottest.File("opt/x/big", noise(2<<20)))
	config := map[string]any{"history": []any{map[string]any{"created_by": "base"}, map[string]any{"created_by": "COPY x /opt/x # buildkit"}}}
	l := roottest.NewLayout(t)
	img := get(t, &image.Locations{}, l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{lower, upper}, Config: config}), "x"))
	again := func(img *image.Image, edit image.Edit) *image.Result {
		return update(t, update(t, img, edit, image.Options{}).Image, appendTo("etc/bundle"), image.Options{Scan: image.ScanAuto})
	}
	gone := again(img, func(r *rootfs.Overlay, _ *image.Config) error { return r.Remove("opt/x/gone") })
	r, _, err := image.Root(t.Context(), gone.Image, image.Options{})
	must(t, err)
	if _, err := r.Lstat("opt/x/gone"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is back: %v", err)
	}
	if beside := again(img, appendTo("opt/bundle")); len(beside.Parts[0].Skipped) != 1 {
		t.Error("a layer was read that nothing led to")
	}
}
