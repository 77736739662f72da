package command_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

// JSON describes the image in the registry, even if layers were compressed for the
// push.
func TestI11JSONSaysWhatWasPushed(t *testing.T) {
	corp := filepath.Join("..", "..", "testdata", "bundles", "corp.pem")
	layer := roottest.Tar(t, roottest.File("etc/ssl/certs/ca-certificates.crt", roottest.NewCA(t, "Base").PEM()))
	l := roottest.NewLayout(t)
	plain := l.Tag(l.Image(roottest.Image{Layers: [][]byte{layer}}), "plain")
	r := roottest.NewRegistry(t)
	for _, how := range []string{"append", "rewrite"} {
		out, _ := run(t, 0, "patch", plain, corp, "--layer", how, "--json", "--tag", r.Host+"/app:"+how)
		var said struct {
			Digest    string
			Platforms []struct {
				Digest    string
				Layer     *struct{ Digest, MediaType string }
				Rewritten []struct{ Digest, MediaType string }
			}
		}
		must(t, json.Unmarshal([]byte(out), &said))
		one := said.Platforms[0]
		if one.Digest != said.Digest || string(got(t, r.Host+"/app:"+how).Descriptor.Digest) != said.Digest {
			t.Errorf("%s: %s and %s", how, one.Digest, said.Digest)
		}
		layers := one.Rewritten
		if one.Layer != nil {
			layers = append(layers, *one.Layer)
		}
		for _, l := range layers {
			if !r.Has("app", l.Digest) || !strings.HasSuffix(l.MediaType, "gzip") {
				t.Errorf("%s: the registry has no %s (%s)", how, l.Digest, l.MediaType)
			}
		}
		if len(layers) != 1 {
			t.Errorf("%s: %d layers", how, len(layers))
		}
	}
}
