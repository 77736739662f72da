package command_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
)

// If every store already has the CAs, patch adds nothing, not even a record:
// remove must not take out CAs that were there before.
func TestPatchWithNothingToAdd(t *testing.T) {
	l := roottest.NewLayout(t)
	there := newCA(t, "there.pem")
	data, err := os.ReadFile(there)
	if err != nil {
		t.Fatal(err)
	}
	bundle := roottest.File("etc/ssl/certs/ca-certificates.crt", string(data))
	base := l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{roottest.Tar(t, bundle)}}), "base")
	debian := l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{roottest.Tar(t, bundle, roottest.File("etc/os-release", "ID=debian\n"), roottest.File("var/lib/dpkg/status", ""))}}), "debian")
	out := "oci:" + l.Dir
	for what, c := range map[string]struct {
		from    string
		args    []string
		changed bool
	}{
		"a bundle": {base, nil, false}, "with --layer rewrite": {base, []string{"--layer", "rewrite"}, false},
		"a variable": {base, []string{"--env", "A=1"}, true}, "an anchor": {debian, nil, true}, "more": {base, []string{newCA(t, "more.pem")}, true},
	} {
		_, errs := run(t, 0, append([]string{"patch", c.from, there, "--tag", out + ":x"}, c.args...)...)
		if changed := got(t, c.from).Descriptor.Digest != got(t, out+":x").Descriptor.Digest; changed != c.changed || strings.Contains(errs, " is up to date") == changed {
			t.Errorf("%s: changed is %v\n%s", what, changed, errs)
		}
		if _, err := rootOf(t, out+":x").Lstat(installer.RecordPath); (err == nil) != c.changed {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A CA is recorded for each source that has it, even if no store changes. It is
// taken out with the last of these sources.
func TestPatchFromASecondSource(t *testing.T) {
	l := roottest.NewLayout(t)
	base, out, first := withBundle(t, l, nil), "oci:"+l.Dir, newCA(t, "first.pem")
	data, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	second := filepath.Join(t.TempDir(), "second.pem")
	if err := os.WriteFile(second, data, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, 0, "patch", base, first, "--tag", out+":one")
	run(t, 0, "patch", out+":one", second, "--tag", out+":two")
	run(t, 0, "remove", "--image", out+":two", first, "--tag", out+":less")
	if names := trusted(t, out+":less"); !slices.Contains(names, "first.pem") {
		t.Errorf("%q", names)
	}
}
