package installer

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/installer/internal/recorded"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

// A file that an earlier program repaired only in part is repaired again, and can still
// be restored to its first content.
func TestRepairAgain(t *testing.T) {
	const name = "etc/ssl/certs/ca-certificates.crt"
	good, bad := roottest.NewCA(t, "Good").PEM(), "-----BEGIN CERTIFICATE-----\n@\n-----END CERTIFICATE-----\n"
	corp := fuzzSource(t, []byte(roottest.NewCA(t, "Corp").PEM()))
	tree := fstest.MapFS{name: {Data: []byte(strings.TrimSpace(good)), Mode: 0o644}}
	o := rootfs.NewOverlay(tree)
	if _, err := Install(o, []Source{corp}, Options{}); err != nil {
		t.Fatal(err)
	}
	tree = changed(tree, o)
	tree[RecordPath].Data = []byte(strings.Replace(string(tree[RecordPath].Data), recorded.Digest([]byte(good)), recorded.Digest([]byte(good+bad)), 1))
	tree[RecordPath].Data = []byte(strings.Replace(string(tree[RecordPath].Data), `"behind": [`, fmt.Sprintf(`"gap": %d, "behind": [`, len(bad)), 1))
	tree[name].Data = []byte(good + bad + string(corp.Certs.AppendPEM(nil)))
	o = rootfs.NewOverlay(tree)
	if _, err := Install(o, []Source{corp}, Options{}); err != nil {
		t.Fatal(err)
	}
	tree = changed(tree, o)
	if got := string(tree[name].Data); got != good+string(corp.Certs.AppendPEM(nil)) {
		t.Errorf("repaired it is %q", got)
	}
	o = rootfs.NewOverlay(tree)
	if _, err := Remove(o, Selection{All: true}, Options{}); err != nil {
		t.Fatal(err)
	}
	if got := string(changed(tree, o)[name].Data); got != strings.TrimSpace(good)+bad {
		t.Errorf("it was made %q", got)
	}
}
