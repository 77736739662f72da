package image

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/roottest"
)

// FuzzArchive reads possible outputs of docker save, and OCI layouts.
func FuzzArchive(f *testing.F) {
	layer := roottest.Tar(f, roottest.File("etc/x", "x"))
	config := `{"rootfs":{"diff_ids":["` + string(oci.DigestOf(layer)) + `"]}}`
	for _, entries := range [][]roottest.Entry{
		{roottest.File("manifest.json", `[{"Config":"c.json","RepoTags":["a:1"],"Layers":["l/layer.tar"]}]`), roottest.File("c.json", config), roottest.File("l/layer.tar", string(layer))},
		{roottest.File("manifest.json", `[{"Config":"../../etc/passwd","Layers":["l"]}]`), roottest.Link("l", "/etc/passwd"), roottest.Hard("m", "l")},
		{roottest.File("manifest.json", `[{"Config":"c"}]`), roottest.File("index.json", `{"manifests":[{"mediaType":"`+oci.ManifestType+`","digest":"`+string(oci.DigestOf(layer))+`","size":1}]}`)},
	} {
		f.Add(roottest.Tar(f, entries...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		name := filepath.Join(t.TempDir(), "a.tar")
		must(t, os.WriteFile(name, data, 0o600))
		for _, transport := range []string{"docker-archive:", "oci-archive:"} {
			img, err := getFrom(t, &Locations{}, transport+name)
			if err != nil {
				continue
			}
			_, _, _ = Root(t.Context(), img, Options{MaxLayerSize: 1 << 20, Reads: func(string) bool { return true }})
			putAgain(t, transport+name, img)
		}
	})
}

// putAgain enters an image by another name in its own archive. The written
// archive has both names.
func putAgain(t *testing.T, text string, img *Image) {
	t.Helper()
	at, err := (&Locations{}).Parse(text + ":added:1")
	must(t, err)
	if at.Put(t.Context(), img) != nil {
		return // the archive stays unchanged
	}
	again, err := getFrom(t, &Locations{}, text+":added:1")
	if err != nil || again.Descriptor.Digest != img.Descriptor.Digest {
		t.Errorf("what was put in is not there: %v", err)
	}
}
