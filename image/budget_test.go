package image

import (
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/image/internal/layer"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

// The kept contents of a hundred layers together are bounded, not only of each.
// Files beyond the bound are read on demand.
func TestManyLayersOfLargeFiles(t *testing.T) {
	part := 4 // of the bounds of an image; the rest exceeds them
	if testing.Short() {
		part = 32
	}
	each := 24 << 20 / part
	l := roottest.NewLayout(t)
	img := roottest.Image{Packed: "zstd"}
	for i := range 30 {
		img.Layers = append(img.Layers, roottest.Tar(t, roottest.File(fmt.Sprintf("etc/%d", i), strings.Repeat("\x00", each))))
	}
	from, err := getFrom(t, &Locations{}, l.Tag(l.Image(img), "x"))
	must(t, err)
	img.Layers = nil
	before := heap()
	u := newUpdater(from, func(r *rootfs.Overlay, _ *Config) error {
		if held := heap() - before; held > int64(640<<20/part) {
			t.Errorf("%d MiB are held", held>>20)
		}
		for i := range 30 {
			info, err := fs.Stat(r, fmt.Sprintf("etc/%d", i))
			must(t, err)
			if info.Size() != int64(each) {
				t.Errorf("etc/%d has %d bytes", i, info.Size())
			}
		}
		for _, name := range []string{"etc/0", "etc/29"} {
			data, err := r.ReadFile(name)
			if err != nil || len(data) != each {
				t.Errorf("%s: %d bytes, %v", name, len(data), err)
			}
		}
		return nil
	}, Options{Reads: func(name string) bool { return strings.HasPrefix(name, "etc/") }})
	if u.reader.Layers.Budget == nil {
		t.Fatal("the layers of an image have no bound together")
	}
	u.reader.Layers.Budget = layer.NewBudget(int64(2*layer.MaxAllKept/part), 2*layer.MaxHeaders)
	updateAll(t, u, from)
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // frees memory that the first run finalized
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// updateAll does the work of Update.
func updateAll(t testing.TB, u *updater, img *Image) {
	t.Helper()
	top, err := u.open(t.Context(), img)
	must(t, err)
	must(t, u.readLayers(t.Context(), top))
	must(t, u.update(t.Context(), top))
}
