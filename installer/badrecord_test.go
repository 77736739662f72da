package installer_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

// edited returns the tree with its record changed.
func edited(t *testing.T, tree fstest.MapFS, change func(map[string]any)) fstest.MapFS {
	t.Helper()
	var record map[string]any
	if err := json.Unmarshal(tree[installer.RecordPath].Data, &record); err != nil {
		t.Fatal(err)
	}
	change(record)
	data, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	out := fstest.MapFS{}
	maps.Copy(out, tree)
	out[installer.RecordPath] = &fstest.MapFile{Data: data, Mode: 0o644}
	return out
}

// asVersion1 returns a record as version 1 would have written it.
func asVersion1(record map[string]any) {
	record["version"] = 1
	delete(record, "files")
}

// certificate adds one more certificate to a record.
func certificate(fingerprint, source string, stores ...string) func(map[string]any) {
	return func(record map[string]any) {
		record["certificates"] = append(record["certificates"].([]any), map[string]any{"fingerprint": fingerprint, "subject": "CN=x", "sources": []string{source}, "stores": stores})
	}
}

// A record of version 1 is a claim: explained certificates stay, others go, and the
// next edit writes the record anew.
func TestRecordOfVersion1(t *testing.T) {
	trees := map[string]fstest.MapFS{"bundle": {"etc/ssl/cert.pem": {Data: []byte(roottest.NewCA(t, "Old").PEM()), Mode: 0o644}}}
	for _, name := range []string{"fedora", "arch", "suse", "bookworm", "trixie"} {
		trees[name] = roottest.TreeFile(t, "../testdata/roots/"+name+".before.txtar")
	}
	for name, before := range trees {
		t.Run(name, func(t *testing.T) {
			after, _ := install(t, before, installer.Options{}, corp(t))
			old := edited(t, after, asVersion1)
			removed, report := remove(t, old, installer.Selection{All: true}, installer.Options{})
			roottest.Same(t, "removed by a record of version 1", dump(t, before), dump(t, removed))
			for _, s := range report.Stays { // some of these roots have the CA already
				if !strings.HasSuffix(s.Because, "user's own (CA).crt holds it") {
					t.Errorf("it says that this stays: %v", s)
				}
			}
			again, _ := install(t, old, installer.Options{}, source(t, "other", roottest.NewCA(t, "Other").PEM()))
			if text := string(again[installer.RecordPath].Data); !strings.Contains(text, `"version": 2`) {
				t.Errorf("the record was not written anew: %.80s", text)
			}
		})
	}
}

// A record that claims other people's certificates removes none of them, and the report
// says why they stay.
func TestRecordThatLies(t *testing.T) {
	packaged, local, byHand := roottest.NewCA(t, "Packaged"), roottest.NewCA(t, "Local"), roottest.NewCA(t, "By hand")
	before := model(t, debianTree(map[string]string{
		"etc/ca-certificates.conf": "x.crt\n", "usr/share/ca-certificates/x.crt": packaged.PEM(), "usr/local/share/ca-certificates/local.crt": local.PEM(),
	}))
	with := *before[bundlePath]
	with.Data = append(slices.Clip(with.Data), byHand.PEM()...)
	before[bundlePath] = &with
	after, _ := install(t, before, installer.Options{}, corp(t))
	for what, ca := range map[string]*roottest.CA{"a package's anchor": packaged, "someone's anchor": local} {
		t.Run(what, func(t *testing.T) {
			for c := range source(t, "x", ca.PEM()).Certs.All() {
				lying := edited(t, after, certificate(c.Fingerprint().String(), "corp.pem", "debian", "debian:/"+bundlePath))
				removed, report := remove(t, lying, installer.Selection{All: true}, installer.Options{})
				roottest.Same(t, "removed", dump(t, before), dump(t, removed))
				if len(report.Stays) != 1 || !strings.Contains(report.Stays[0].Because, ".crt holds it") {
					t.Errorf("stays: %+v", report.Stays)
				}
			}
		})
	}
}

// A record that names files outside the root, or is no record, changes nothing outside.
// It is refused, or its names are resolved inside the root.
func TestRecordNamesFilesOutside(t *testing.T) {
	before := fstest.MapFS{"etc/ssl/cert.pem": {Data: []byte(roottest.NewCA(t, "Old").PEM()), Mode: 0o644}, "etc/passwd": {Data: []byte("root\n"), Mode: 0o644}}
	after, _ := install(t, before, installer.Options{}, corp(t))
	for _, name := range []string{"../../etc/passwd", "/etc/passwd", "etc/../etc/passwd", "", ".", "a\x00b"} {
		for what, change := range map[string]func(map[string]any){
			"created": func(r map[string]any) {
				r["stores"] = []any{map[string]any{"name": "bundle", "created": []string{name}}}
			},
			"files":     func(r map[string]any) { r["files"] = append(r["files"].([]any), map[string]any{"path": name}) },
			"directory": func(r map[string]any) { r["directories"] = []string{name} },
			"repair": func(r map[string]any) {
				r["stores"] = []any{map[string]any{"name": "bundle", "repairs": []any{map[string]any{"path": name, "sha256": "", "cuts": []any{map[string]any{"offset": 0, "was": "cm9vdA=="}}}}}}
			},
			"replaced": func(r map[string]any) {
				r["stores"] = []any{map[string]any{"name": "bundle", "replaced": []any{map[string]any{"path": name, "target": "x"}}}}
			},
			"claim": certificate(strings.Repeat("0", 64), "corp.pem", "bundle:/"+name),
		} {
			lying := edited(t, after, change)
			o := rootfs.NewOverlay(lying)
			if _, err := installer.Remove(o, installer.Selection{All: true}, installer.Options{}); err != nil {
				continue // refused: an overlay with an error is not written
			}
			for c := range o.Changes() {
				if !fs.ValidPath(c.Name) || c.Name == "etc/passwd" {
					t.Errorf("%s %q: it would change %q", what, name, c.Name)
				}
			}
		}
	}
}

// If a directory stands in place of a file, or a link leads in a circle, nothing is
// lost, and an error or a note says so.
func TestRemoveFromOddRoots(t *testing.T) {
	before := roottest.TreeFile(t, "../testdata/roots/bookworm.before.txtar")
	after, _ := install(t, before, installer.Options{}, corp(t))
	for what, x := range map[string]struct {
		name string
		file *fstest.MapFile
	}{
		"the bundle is a directory":        {bundlePath + "/x", &fstest.MapFile{Data: []byte("x"), Mode: 0o644}},
		"the anchor directory is a circle": {"usr/local/share/ca-certificates", &fstest.MapFile{Data: []byte("ca-certificates"), Mode: fs.ModeSymlink | 0o777}},
		"the bundle is a circle":           {bundlePath, &fstest.MapFile{Data: []byte("ca-certificates.crt"), Mode: fs.ModeSymlink | 0o777}},
	} {
		t.Run(what, func(t *testing.T) {
			odd := fstest.MapFS{}
			for name, file := range after {
				if name != strings.TrimSuffix(x.name, "/x") && !strings.HasPrefix(name, x.name+"/") {
					odd[name] = file
				}
			}
			odd[x.name] = x.file
			o := rootfs.NewOverlay(odd)
			_, err := installer.Remove(o, installer.Selection{All: true}, installer.Options{})
			if err == nil {
				for c := range o.Changes() {
					if c.Name == x.name {
						t.Errorf("it would change %s", c.Name)
					}
				}
				return
			}
			if !strings.Contains(err.Error(), "ca-certificates") {
				t.Errorf("the error does not say where: %v", err)
			}
		})
	}
}
