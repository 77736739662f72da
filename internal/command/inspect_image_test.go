package command_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

// JSON of an image names what was looked into: the image, its digest and the
// platform, and the version of the form.
func TestInspectNamesTheImage(t *testing.T) {
	l := roottest.NewLayout(t)
	layer := roottest.Tar(t, roottest.File("etc/ssl/certs/ca-certificates.crt", ""))
	from := l.Tag(l.Index(roottest.OCIIndex, nil, l.Image(roottest.Image{Layers: [][]byte{layer}}), l.Image(roottest.Image{Platform: "linux/arm64", Layers: [][]byte{layer}})), "x")
	digest := string(got(t, from).Descriptor.Digest)
	out, _ := run(t, 0, "inspect", "--json", "--platform", "linux/arm64", from)
	var said struct {
		Schema                  int
		Image, Digest, Platform string
		Stores                  []struct{ Path string }
	}
	if err := json.Unmarshal([]byte(out), &said); err != nil {
		t.Fatal(err)
	}
	if said.Schema != 1 || said.Image != from || said.Digest != digest || said.Platform != "linux/arm64" || len(said.Stores) != 1 {
		t.Errorf("%+v", said)
	}
	if out, _ := run(t, 0, "inspect", "--platform", "linux/arm64", from); !strings.HasPrefix(out, from+" is "+digest+", linux/arm64\n") {
		t.Errorf("%s", out)
	}
	if out, _ := run(t, 0, "inspect", "--json", t.TempDir()); !strings.HasPrefix(out, "{\n  \"schema\": 1,\n  \"distribution\"") {
		t.Errorf("%s", out)
	}
}
