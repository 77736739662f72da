package image_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/roottest"
)

// containerd names images by its own annotation. An image found by it is
// replaced, not entered twice.
func TestInPlaceByContainerdName(t *testing.T) {
	const name = "docker.io/library/x:1"
	l := roottest.NewLayout(t)
	d := l.Image(roottest.Image{Layers: [][]byte{roottest.Tar(t, roottest.File("etc/x", "x"))}})
	d["annotations"] = map[string]string{"io.containerd.image.name": name, "org.opencontainers.image.ref.name": "1"}
	raw, err := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": []any{d}})
	must(t, err)
	index := filepath.Join(l.Dir, "index.json")
	must(t, os.WriteFile(index, raw, 0o600))
	text := "oci:" + l.Dir + ":" + name
	locations := &image.Locations{}
	put(t, locations, text, update(t, get(t, locations, text), writeX, image.Options{}).Image)
	was := update(t, get(t, locations, text), writeX, image.Options{})
	if was.Changed {
		t.Error("what is found is not what was put there")
	}
	if raw, err = os.ReadFile(index); err != nil || strings.Count(string(raw), `"digest"`) != 1 ||
		!strings.Contains(string(raw), `"io.containerd.image.name":"`+name+`"`) || !strings.Contains(string(raw), `ref.name":"1"`) {
		t.Errorf("%s %v", raw, err)
	}
	// The tag leads to the same entry.
	put(t, locations, "oci:"+l.Dir+":1", was.Image)
	if raw, err = os.ReadFile(index); err != nil || strings.Count(string(raw), `"digest"`) != 1 {
		t.Errorf("%s %v", raw, err)
	}
	// An image with only such a name is not the image without a name.
	must(t, os.WriteFile(index, []byte(strings.ReplaceAll(string(raw), `"org.opencontainers.image.ref.name":"1"`, `"a":"b"`)), 0o600))
	put(t, locations, "oci:"+l.Dir+":2", was.Image)
	put(t, locations, "oci:"+l.Dir, was.Image)
	if raw, err = os.ReadFile(index); err != nil || strings.Count(string(raw), `"digest"`) != 3 || !strings.Contains(string(raw), name) {
		t.Errorf("%s %v", raw, err)
	}
}

// Two processes that write one layout at once both enter their image.
func TestLayoutIsWrittenByManyAtOnce(t *testing.T) {
	l := roottest.NewLayout(t)
	from := l.Tag(l.Image(roottest.Image{Layers: [][]byte{roottest.Tar(t, roottest.File("etc/x", "x"))}}), "x")
	locations := &image.Locations{}
	img := get(t, locations, from)
	for range 10 {
		dir := filepath.Join(t.TempDir(), "new")
		var group errgroup.Group
		for i := range 8 {
			group.Go(func() error {
				at, err := locations.Parse(fmt.Sprintf("oci:%s:%d", dir, i))
				if err != nil {
					return err
				}
				return at.Put(t.Context(), img)
			})
		}
		must(t, group.Wait())
		for i := range 8 {
			if d := get(t, locations, fmt.Sprintf("oci:%s:%d", dir, i)).Descriptor.Digest; d != img.Descriptor.Digest {
				t.Errorf("%s", d)
			}
		}
	}
}

// A directory that could not become a layout gets no index.
func TestIndexOfLayoutIsWrittenLast(t *testing.T) {
	l := roottest.NewLayout(t)
	locations := &image.Locations{}
	img := get(t, locations, l.Tag(l.Image(roottest.Image{Layers: [][]byte{roottest.Tar(t, roottest.File("etc/x", "x"))}}), "x"))
	for range 20 {
		dir := t.TempDir()
		must(t, os.Mkdir(filepath.Join(dir, "oci-layout"), 0o755))
		at, err := locations.Parse("oci:" + dir)
		must(t, err)
		if err := at.Put(t.Context(), img); err == nil {
			t.Error("no error")
		}
		if _, err := os.Stat(filepath.Join(dir, "index.json")); err == nil {
			t.Fatal("there is an index")
		}
	}
}
