package image_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/roottest"
)

// deep returns an image of n layers.
func deep(t *testing.T, n int) *image.Image {
	t.Helper()
	l := roottest.NewLayout(t)
	layers := base(t)
	for len(layers) < n {
		layers = append(layers, roottest.Tar(t))
	}
	return get(t, &image.Locations{}, l.Tag(l.Image(roottest.Image{Layers: layers}), "deep"))
}

// An image that becomes too deep for Docker's overlay2 gets a warning. An image
// too deep for all engines is refused, with a hint to the mode without a limit.
func TestI8LayerLimits(t *testing.T) {
	for n, warns := range map[int]bool{124: false, 125: true, 126: true} {
		part := update(t, deep(t, n), appendBundle("new"), image.Options{}).Parts[0]
		if warned := strings.Contains(part.Warning, "--layer rewrite"); warned != warns {
			t.Errorf("%d layers: %q", n, part.Warning)
		}
	}
	_, err := image.Update(t.Context(), deep(t, 127), appendBundle("new"), image.Options{})
	if advice := hint.Of(err); err == nil || !strings.Contains(strings.Join(advice, ""), "--layer rewrite") {
		t.Errorf("%v, %q", err, advice)
	}
	if result := update(t, deep(t, 130), appendBundle("new"), inPlace); result.Parts[0].Warning != "" || bundleOf(t, result.Image) != "old\nnew\n" {
		t.Errorf("rewritten: %q", result.Parts[0].Warning)
	}
}

// An index of over 5,000 images is refused by their number, before one is read.
func TestPlatformsAreBounded(t *testing.T) {
	for n, refused := range map[int]bool{5000: false, 5001: true} {
		l := roottest.NewLayout(t)
		one := l.Image(roottest.Image{Layers: base(t)})
		index := l.Index("application/vnd.oci.image.index.v1+json", nil, slices.Repeat([]roottest.Descriptor{one}, n)...)
		img := get(t, &image.Locations{}, l.Tag(index, "many"))
		other, err := image.ParsePlatform("plan9/mips")
		must(t, err)
		_, err = image.Update(t.Context(), img, appendBundle("new"), image.Options{Platforms: []image.Platform{other}})
		if errors.Is(err, image.ErrRefused) != refused || refused && !strings.Contains(err.Error(), "names 5001 images, and up to 5000 are read") {
			t.Errorf("%d: %v", n, err)
		}
	}
}

// Nested indexes count too: an index may name the same one many times.
func TestPlatformsOfNestedIndexesAreBounded(t *testing.T) {
	l := roottest.NewLayout(t)
	index := l.Index(roottest.OCIIndex, nil, slices.Repeat([]roottest.Descriptor{l.Image(roottest.Image{Layers: base(t)})}, 60)...)
	for range 6 {
		delete(index, "platform")
		index = l.Index(roottest.OCIIndex, nil, slices.Repeat([]roottest.Descriptor{index}, 60)...)
	}
	img := get(t, &image.Locations{}, l.Tag(index, "many"))
	if _, err := image.Update(t.Context(), img, appendBundle("new"), image.Options{}); !errors.Is(err, image.ErrRefused) {
		t.Errorf("%v", err)
	}
}
