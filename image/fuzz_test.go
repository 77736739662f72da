package image

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

// FuzzManifest reads manifests, indexes and configs, and edits those that are
// taken: they stay JSON, and what is edited is taken again.
func FuzzManifest(f *testing.F) {
	digest := string(digestOf(nil))
	f.Add([]byte(`{"schemaVersion":2,"mediaType":"` + ociManifest + `","config":{"mediaType":"x","digest":"` + digest + `","size":0},"layers":[{"mediaType":"` + ociLayer + `","digest":"` + digest + `","size":1}]}`))
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"mediaType":"` + ociManifest + `","digest":"` + digest + `","size":-1,"data":"","platform":{"os":"linux"}}]}`))
	f.Add([]byte(`{"rootfs":{"diff_ids":["` + digest + `"]},"history":[{"created_by":"COPY a /b # buildkit"}],"config":{"Env":["PATH=/x"]}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		mediaType, err := mediaTypeOf(raw, ociManifest)
		if err != nil {
			return
		}
		m, err := parseManifest(mediaType, raw)
		if err != nil {
			return
		}
		for _, d := range append(m.Layers, m.Manifests...) {
			if name := d.Digest.path(); path.Clean(name) != name || strings.Contains(name, "..") || !strings.HasPrefix(name, "blobs/") {
				t.Errorf("the digest %q leads to %s", d.Digest, name)
			}
			_ = d.Digest.short()
		}
		_, _ = parseConfig(raw, m.Layers)
		o, err := parseObject(raw)
		if err != nil {
			return
		}
		if err := o.setAll("annotations", map[string]string{"a": "b"}); err != nil {
			return
		}
		if again := o.encode(); !json.Valid(again) {
			t.Errorf("%q became %q", raw, again)
		} else if _, err := parseManifest(mediaType, again); err != nil {
			t.Errorf("%q became %q: %v", raw, again, err)
		}
	})
}

// FuzzHistory reads how a step of an image was made. What is believed to copy
// only to one place names that place, clean and absolute, outside all that
// matters.
func FuzzHistory(f *testing.F) {
	for _, step := range []string{
		"COPY --chown=1 a b /opt/app # buildkit", "/bin/sh -c #(nop) COPY dir:0 in /srv ", "ADD x ../.. # buildkit", "WORKDIR /app", "COPY a / # buildkit",
		"COPY a /opt/../etc # buildkit", "RUN /bin/sh -c true # buildkit", "COPY [\"a\"] # buildkit",
	} {
		f.Add(step, "/app")
	}
	f.Fuzz(func(t *testing.T, createdBy, workdir string) {
		to := copyTo(createdBy, workdir)
		if to == "" {
			return
		}
		if path.Clean(to) != to {
			t.Errorf("%q leads to %q", createdBy, to)
		}
		if path.IsAbs(workdir) && aside(to) && (!path.IsAbs(to) || strings.HasPrefix(to+"/", "/etc/")) {
			t.Errorf("%q is aside: %q", createdBy, to)
		}
	})
}

// FuzzArchive reads what docker save may have written, and OCI layouts.
func FuzzArchive(f *testing.F) {
	layer := roottest.Tar(f, roottest.File("etc/x", "x"))
	config := `{"rootfs":{"diff_ids":["` + string(digestOf(layer)) + `"]}}`
	for _, entries := range [][]roottest.Entry{
		{roottest.File("manifest.json", `[{"Config":"c.json","RepoTags":["a:1"],"Layers":["l/layer.tar"]}]`), roottest.File("c.json", config), roottest.File("l/layer.tar", string(layer))},
		{roottest.File("manifest.json", `[{"Config":"../../etc/passwd","Layers":["l"]}]`), roottest.Link("l", "/etc/passwd"), roottest.Hard("m", "l")},
		{roottest.File("manifest.json", `[{"Config":"c"}]`), roottest.File("index.json", `{"manifests":[{"mediaType":"`+ociManifest+`","digest":"`+string(digestOf(layer))+`","size":1}]}`)},
	} {
		f.Add(roottest.Tar(f, entries...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		name := filepath.Join(t.TempDir(), "a.tar")
		must(t, os.WriteFile(name, data, 0o600))
		file, err := os.Open(name)
		must(t, err)
		defer file.Close()
		for _, docker := range []bool{true, false} {
			img, err := (&archiveFile{text: name, docker: docker}).getFrom(t.Context(), file)
			if err != nil {
				continue
			}
			_, _, _ = Root(t.Context(), img, Options{MaxLayerSize: 1 << 20, Reads: func(string) bool { return true }})
		}
	})
}
