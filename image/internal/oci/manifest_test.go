package oci

import (
	"encoding/json"
	"path"
	"strings"
	"testing"
)

// FuzzManifest reads manifests, indexes and configs. It edits accepted ones:
// the result is JSON and is accepted again.
func FuzzManifest(f *testing.F) {
	digest := string(DigestOf(nil))
	f.Add([]byte(`{"schemaVersion":2,"mediaType":"` + ManifestType + `","config":{"mediaType":"x","digest":"` + digest + `","size":0},"layers":[{"mediaType":"` + LayerType + `","digest":"` + digest + `","size":1}]}`))
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"mediaType":"` + ManifestType + `","digest":"` + digest + `","size":-1,"data":"","platform":{"os":"linux"}}]}`))
	f.Add([]byte(`{"rootfs":{"diff_ids":["` + digest + `"]},"history":[{"created_by":"COPY a /b # buildkit"}],"config":{"Env":["PATH=/x"]}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		mediaType, err := MediaTypeOf(raw, ManifestType)
		if err != nil {
			return
		}
		m, err := ParseManifest(mediaType, raw)
		if err != nil {
			return
		}
		for _, d := range append(m.Layers, m.Manifests...) {
			if name := d.Digest.Path(); path.Clean(name) != name || strings.Contains(name, "..") || !strings.HasPrefix(name, "blobs/") {
				t.Errorf("the digest %q leads to %s", d.Digest, name)
			}
			_ = d.Digest.Short()
		}
		_, _ = ParseConfig(raw, m.Layers)
		o, err := ParseObject(raw)
		if err != nil {
			return
		}
		if err := o.SetAll("annotations", map[string]string{"a": "b"}); err != nil {
			return
		}
		if again := o.Encode(); !json.Valid(again) {
			t.Errorf("%q became %q", raw, again)
		} else if _, err := ParseManifest(mediaType, again); err != nil {
			t.Errorf("%q became %q: %v", raw, again, err)
		}
	})
}

// Content embedded in a descriptor follows the descriptor. Redirecting there
// and back restores the bytes.
func TestI10EmbeddedContentFollows(t *testing.T) {
	was, now := []byte("was"), []byte("now")
	text := `{"mediaType":"x", "data":"d2Fz","digest":"` + string(DigestOf(was)) + `" , "size":3}`
	o, err := ParseObject([]byte(text))
	must(t, err)
	must(t, o.Redirect(Describe("x", now), now))
	if got := string(o.Encode()); !strings.Contains(got, `"data":"bm93"`) || !strings.Contains(got, string(DigestOf(now))) {
		t.Errorf("%s", got)
	}
	must(t, o.Redirect(Describe("x", was), was))
	if got := string(o.Encode()); got != text {
		t.Errorf("%s, was %s", got, text)
	}
	must(t, o.Redirect(Describe("x", now), nil))
	if got := string(o.Encode()); strings.Contains(got, "data") {
		t.Errorf("%s", got)
	}
}
