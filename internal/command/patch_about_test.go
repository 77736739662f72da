package command_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

// Signatures and referrers of the old digest are named, in each of their forms.
func TestI12SignaturesStayWithTheOldDigest(t *testing.T) {
	corp := filepath.Join("..", "..", "testdata", "bundles", "corp.pem")
	layer := roottest.Tar(t, roottest.File("etc/ssl/certs/ca-certificates.crt", roottest.NewCA(t, "Base").PEM()))
	l := roottest.NewLayout(t)
	r := roottest.NewRegistry(t)
	run(t, 0, "patch", l.Tag(l.Image(roottest.Image{Layers: [][]byte{layer}}), "a"), corp, "--tag", r.Host+"/app:1")
	was := string(got(t, r.Host+"/app:1").Descriptor.Digest)
	if _, said := run(t, 0, "patch", r.Host+"/app:1", corp, "--label", "a=b", "--tag", r.Host+"/app:2"); strings.Contains(said, "stays with") {
		t.Errorf("%s", said)
	}
	tag := strings.Replace(was, ":", "-", 1) + ".sig"
	r.Retag("app", "2", tag)
	referrer := "sha256:" + strings.Repeat("a", 64)
	r.Fault(func(w http.ResponseWriter, req *http.Request) bool {
		if req.URL.Path != "/v2/app/referrers/"+was {
			return false
		}
		_, _ = w.Write([]byte(`{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":1,"digest":"` + referrer + `"}]}`))
		return true
	})
	_, said := run(t, 0, "patch", r.Host+"/app:1", corp, "--label", "a=c", "--tag", r.Host+"/app:3")
	for _, want := range []string{"the tag " + tag, "the referrer " + referrer, "sign the new digest again"} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in %s", want, said)
		}
	}
}
