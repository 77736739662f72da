package image_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/roottest"
)

// containerd names images by an annotation of its own: what is found by it is
// replaced by it, and not entered a second time.
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
	// By its tag it is the same entry.
	put(t, locations, "oci:"+l.Dir+":1", was.Image)
	if raw, err = os.ReadFile(index); err != nil || strings.Count(string(raw), `"digest"`) != 1 {
		t.Errorf("%s %v", raw, err)
	}
	// One that has only such a name is not the one without a name.
	must(t, os.WriteFile(index, []byte(strings.ReplaceAll(string(raw), `"org.opencontainers.image.ref.name":"1"`, `"a":"b"`)), 0o600))
	put(t, locations, "oci:"+l.Dir+":2", was.Image)
	put(t, locations, "oci:"+l.Dir, was.Image)
	if raw, err = os.ReadFile(index); err != nil || strings.Count(string(raw), `"digest"`) != 3 || !strings.Contains(string(raw), name) {
		t.Errorf("%s %v", raw, err)
	}
}
