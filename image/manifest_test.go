package image

import (
	"encoding/json"
	"path"
	"strings"
	"testing"
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
