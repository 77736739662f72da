package command_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

// got reads an image from its location.
func got(t *testing.T, text string) *image.Image {
	t.Helper()
	at, err := (&image.Locations{}).Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	img, err := at.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func environment(t *testing.T, text string) []string {
	t.Helper()
	amd := image.Platform{OS: "linux", Architecture: "amd64"}
	_, config, err := image.Root(t.Context(), got(t, text), image.Options{Reads: installer.Reads, Platforms: []image.Platform{amd}})
	if err != nil {
		t.Fatal(err)
	}
	return config.Env
}

// nodeImage makes an image with a bundle and Node, as other tools write images,
// for two platforms.
func nodeImage(t *testing.T, l *roottest.Layout) string {
	t.Helper()
	img := roottest.Image{Packed: "gzip", Layers: [][]byte{roottest.Tar(t, roottest.Dir("etc/"), roottest.Dir("etc/ssl/"), roottest.Dir("etc/ssl/certs/"),
		roottest.File("etc/ssl/certs/ca-certificates.crt", roottest.NewCA(t, "Base").PEM()), roottest.File("usr/bin/node", ""))},
		Config: map[string]any{
			"config":  map[string]any{"Env": []string{"A=1", "PATH=/usr/bin", "B=2"}, "Cmd": []string{"node"}},
			"history": []any{map[string]any{"created_by": "x"}},
		}, Manifest: map[string]any{"annotations": map[string]string{"k": "v"}}}
	arm := img
	arm.Platform = "linux/arm64"
	return l.Tag(l.Index(roottest.OCIIndex, nil, l.Image(img), l.Image(arm)), "b")
}

const nodeVariable = "NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt"

// An image that was patched, even twice, and loses all of it, is the original
// image to the byte, whatever the indentation of its documents.
func TestRemoveGivesTheImageBack(t *testing.T) {
	for _, compact := range []bool{true, false} {
		l := roottest.NewLayout(t)
		l.Compact = compact
		removeGivesBack(t, l)
	}
}

func removeGivesBack(t *testing.T, l *roottest.Layout) {
	t.Helper()
	base := nodeImage(t, l)
	corp, out := filepath.Join("..", "..", "testdata", "bundles", "corp.pem"), "oci:"+l.Dir
	run(t, 0, "patch", base, corp, "--tag", out+":one", "--env", "auto", "--env", "A=9", "--env", "NEW=x")
	run(t, 0, "patch", out+":one", "aws-rds:eu-west-1", "--offline", "--tag", out+":two", "--env", "A=10")
	if env := environment(t, out+":two"); !slices.Equal(env, []string{"A=10", "PATH=/usr/bin", "B=2", "NEW=x", nodeVariable}) {
		t.Errorf("%q", env)
	}
	run(t, 0, "remove", "--image", out+":two", corp, "--tag", out+":less")
	if env := environment(t, out+":less"); !slices.Contains(env, nodeVariable) {
		t.Errorf("the variable went before the last certificate: %q", env)
	}
	for _, from := range []string{out + ":one", out + ":two", out + ":less"} {
		run(t, 0, "remove", "--image", from, "--all", "--tag", out+":back")
		if was, is := got(t, base), got(t, out+":back"); was.Descriptor.Digest != is.Descriptor.Digest {
			t.Errorf("%s came back as\n%s\nwas\n%s\n%q", from, is.Raw(), was.Raw(), environment(t, out+":back"))
		}
	}
}

// otherValue changes a variable that certgraft set.
func otherValue(_ *rootfs.Overlay, c *image.Config) error {
	c.Env[slices.Index(c.Env, nodeVariable)] = "NODE_EXTRA_CA_CERTS=/theirs"
	return nil
}

// A value that someone has changed since stays.
func TestRemoveLeavesWhatOthersSet(t *testing.T) {
	l := roottest.NewLayout(t)
	corp, out := filepath.Join("..", "..", "testdata", "bundles", "corp.pem"), "oci:"+l.Dir
	run(t, 0, "patch", nodeImage(t, l), corp, "--tag", out+":one", "--platform", "linux/amd64")
	img := got(t, out+":one")
	theirs, err := image.Update(t.Context(), img, otherValue, image.Options{Reads: installer.Reads})
	if err != nil {
		t.Fatal(err)
	}
	at, err := (&image.Locations{}).Parse(out + ":theirs")
	if err != nil {
		t.Fatal(err)
	}
	if err := at.Put(t.Context(), theirs.Image); err != nil {
		t.Fatal(err)
	}
	_, errs := run(t, 0, "remove", "--image", out+":theirs", "--all", "--tag", out+":back")
	if !strings.Contains(errs, "NODE_EXTRA_CA_CERTS was set by certgraft and changed since: it stays") {
		t.Errorf("%s", errs)
	}
	if env := environment(t, out+":back"); !slices.Contains(env, "NODE_EXTRA_CA_CERTS=/theirs") {
		t.Errorf("%q", env)
	}
}

// If someone built on a patched image, a new layer above hides the CAs.
func TestRemoveBelowAnotherLayer(t *testing.T) {
	l := roottest.NewLayout(t)
	corp, out := filepath.Join("..", "..", "testdata", "bundles", "corp.pem"), "oci:"+l.Dir
	run(t, 0, "patch", nodeImage(t, l), corp, "--tag", out+":one", "--platform", "linux/amd64")
	if built := trusted(t, l.OnTop(out+":one", "built", roottest.Tar(t, roottest.File("srv/x", "x")))); len(built) < 2 {
		t.Fatalf("%q", built)
	}
	run(t, 0, "remove", "--image", out+":built", "--all", "--tag", out+":back")
	if back := trusted(t, out+":back"); !slices.Equal(back, []string{"Base"}) {
		t.Errorf("%q", back)
	}
	root := rootOf(t, out+":back")
	if _, err := root.Lstat("srv/x"); err != nil {
		t.Error(err)
	}
	if _, err := root.Lstat(installer.RecordPath); err == nil {
		t.Error("the record is still there")
	}
}
