package image

import (
	"archive/tar"
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/image/internal/layer"
	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

// An edit of layers that changes too much or too little is an error before a
// layer is made.
func TestInLayersCheck(t *testing.T) {
	for what, c := range map[string]struct {
		spoil func(p *inLayers)
		want  string
	}{
		"as it should be": {func(*inLayers) {}, ""},
		"another goes":    {func(p *inLayers) { p.edit(0).Instead[2] = nil }, "another file"},
		"another comes": {func(p *inLayers) {
			p.edit(0).Added = append(p.edit(0).Added, layer.Made{Header: &tar.Header{Name: "etc/z", Typeflag: tar.TypeReg}})
		}, "another file"},
		"the change is lost": {func(p *inLayers) { delete(p.edit(0).Instead, 1) }, "cannot be changed"},
	} {
		t.Run(what, func(t *testing.T) {
			data := roottest.Tar(t, roottest.Dir("etc/"), roottest.File("etc/b", "old"), roottest.File("etc/c", "c"))
			l, err := layer.Reader{Keep: func(string) bool { return true }}.Read(context.Background(), bytes.NewReader(data), Descriptor{MediaType: oci.LayerType, Digest: oci.DigestOf(data), Size: int64(len(data))})
			must(t, err)
			root, err := layer.Stack([]*layer.Listing{l})
			must(t, err)
			base := newTree(root, skippedPlaces{}, nil)
			o := rootfs.NewOverlay(base)
			must(t, edit(o, nil))
			it := &item{manifest: &oci.Manifest{Layers: []Descriptor{{MediaType: oci.LayerType}}}}
			p := &inLayers{it: it, base: base, edits: map[int]*layer.Edit{}, stale: map[string]bool{}, layers: []*layer.Listing{l}}
			changes := slices.Collect(o.Changes())
			must(t, p.survey(changes))
			for _, c := range changes {
				must(t, p.place(c))
			}
			must(t, p.finish())
			c.spoil(p)
			if err := p.check(); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
