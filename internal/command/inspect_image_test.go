package command_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

// JSON of an image names the inspected image, its digest and platform, and the
// version of the format.
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

// The readers of an image are shown like those of a root. Its own PATH says where
// they are, and its layers are read for their releases.
func TestInspectShowsReadersOfAnImage(t *testing.T) {
	l := roottest.NewLayout(t)
	ca := roottest.NewCA(t, "Old").PEM()
	layer := roottest.Tar(t,
		roottest.File("etc/ssl/certs/ca-certificates.crt", ca), roottest.File("usr/bin/curl", ""), roottest.File("srv/n/bin/node", ""),
		roottest.File("srv/n/include/node/node_version.h", "#define NODE_MAJOR_VERSION 22\n"), roottest.File("home/u/.pki/nssdb/cert9.db", "x"))
	from := l.Tag(l.Image(roottest.Image{Layers: [][]byte{layer}, Config: map[string]any{"config": map[string]any{"Env": []string{"PATH=/srv/n/bin"}}}}), "x")
	out, _ := run(t, 0, "inspect", from)
	for _, want := range []string{"\ncurl ", " /usr/bin/curl\n", "\nNode 22 ", "built in, what NODE_EXTRA_CA_CERTS names", " /srv/n/bin/node\n", "certutil -L -d sql:/home/u/.pki/nssdb\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
}

// A variable that patch sets makes the reader trust, and the report says so.
func TestPatchSaysWhoTrusts(t *testing.T) {
	l := roottest.NewLayout(t)
	layer := roottest.Tar(t, roottest.File("etc/ssl/certs/ca-certificates.crt", roottest.NewCA(t, "Old").PEM()), roottest.File("usr/bin/curl", ""), roottest.File("usr/local/bin/node", ""))
	from := l.Tag(l.Image(roottest.Image{Layers: [][]byte{layer}}), "x")
	for env, want := range map[string]string{"auto": "linux/amd64: trusted by curl, Node\n", "none": "linux/amd64: trusted by curl\n"} {
		_, said := run(t, 0, "patch", "--env", env, "--tag", from+"-"+env, from, corpFile(t))
		if !strings.Contains(said, want) {
			t.Errorf("--env %s: %q is not in\n%s", env, want, said)
		}
		if advised := strings.Contains(said, "Node (/usr/local/bin/node): set NODE_EXTRA_CA_CERTS="); advised != (env == "none") {
			t.Errorf("--env %s: %s", env, said)
		}
	}
}
