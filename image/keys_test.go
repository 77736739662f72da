package image_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

const dockerConfig = "application/vnd.docker.container.image.v1+json"

// described writes a document into a layout byte for byte.
func described(l *roottest.Layout, mediaType, text string) string {
	d, _ := json.Marshal(l.Blob(mediaType, []byte(text)))
	return string(d)
}

func writeX(r *rootfs.Overlay, _ *image.Config) error {
	return r.WriteFile("etc/x", []byte("new"), 0o644)
}

// Members that are repeated, or differ from known ones only in case, are
// refused. Readers disagree about them, and an edit would add the member that
// it does not see.
func TestMembersThatReadersTakeDifferently(t *testing.T) {
	const usual = `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[DIFF]},"history":[{"created_by":"certgraft patch x"}]}`
	for what, c := range map[string]struct{ config, layers, index, want string }{
		"layers":            {usual, `"Layers":[LAYER]`, "", `"Layers"`},
		"layers twice":      {usual, `"layers":[],"layers":[LAYER]`, "", `"layers" twice`},
		"layers both ways":  {usual, `"layers":[LAYER],"LayerS":[LAYER]`, "", `"LayerS"`},
		"long s":            {usual, `"layerſ":[LAYER]`, "", `"layerſ"`},
		"annotations":       {usual, `"layers":[LAYER],"Annotations":{}`, "", `"Annotations"`},
		"a layer's digest":  {usual, `"layers":[{"mediaType":"` + roottest.OCILayer + `","size":1,"Digest":DIFF}]`, "", `"Digest"`},
		"diff ids":          {strings.ReplaceAll(usual, "diff_ids", "Diff_Ids"), `"layers":[LAYER]`, "", `"Diff_Ids"`},
		"rootfs":            {strings.ReplaceAll(usual, "rootfs", "RootFS"), `"layers":[LAYER]`, "", `"RootFS"`},
		"environment":       {strings.Replace(usual, `{`, `{"config":{"env":["A=1"]},`, 1), `"layers":[LAYER]`, "", `"env"`},
		"environment twice": {strings.Replace(usual, `{`, `{"config":{"Env":["A=1"],"Env":["A=2"]},`, 1), `"layers":[LAYER]`, "", `"Env" twice`},
		"a step":            {strings.ReplaceAll(usual, "created_by", "Created_By"), `"layers":[LAYER]`, "", `"Created_By"`},
		"manifests":         {usual, `"layers":[LAYER]`, `"Manifests":[IMAGE]`, `"Manifests"`},
		"manifests twice":   {usual, `"layers":[LAYER]`, `"manifests":[IMAGE],"manifests":[IMAGE]`, `"manifests" twice`},
	} {
		t.Run(what, func(t *testing.T) {
			l := roottest.NewLayout(t)
			layer := l.Blob(roottest.OCILayer, roottest.Tar(t, roottest.File("etc/x", "x")))
			text, err := json.Marshal(layer)
			must(t, err)
			fill := strings.NewReplacer("DIFF", `"`+layer.Digest()+`"`, "LAYER", string(text))
			top := l.Blob(roottest.OCIManifest, []byte(`{"schemaVersion":2,"config":`+described(l, dockerConfig, fill.Replace(c.config))+`,`+fill.Replace(c.layers)+`}`))
			if c.index != "" {
				d, err := json.Marshal(top)
				must(t, err)
				top = l.Blob(roottest.OCIIndex, []byte(`{"schemaVersion":2,`+strings.ReplaceAll(c.index, "IMAGE", string(d))+`}`))
			}
			img := get(t, &image.Locations{}, l.Tag(top, "x"))
			_, err = image.Update(t.Context(), img, writeX, image.Options{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

// An odd index of a layout is not made worse.
func TestPutIntoAnOddLayout(t *testing.T) {
	l := roottest.NewLayout(t)
	img := get(t, &image.Locations{}, l.Tag(l.Image(roottest.Image{Layers: [][]byte{roottest.Tar(t, roottest.File("etc/x", "x"))}}), "x"))
	odd := t.TempDir()
	must(t, os.WriteFile(filepath.Join(odd, "index.json"), []byte(`{"schemaVersion":2,"Manifests":[]}`), 0o600))
	at, err := (&image.Locations{}).Parse("oci:" + odd + ":x")
	must(t, err)
	if err := at.Put(t.Context(), img); err == nil || !strings.Contains(err.Error(), `"Manifests"`) {
		t.Errorf("%v", err)
	}
}
