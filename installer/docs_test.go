package installer

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/readers"
	"github.com/certgraft/certgraft/rootfs"
)

// Every store has its section in docs/stores.md, and the section names the entries of
// the tables in the code.
func TestStoresAreDocumented(t *testing.T) {
	data, err := os.ReadFile("../docs/stores.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	needs := func(what, text string) {
		if !strings.Contains(page, text) {
			t.Errorf("docs/stores.md does not have %s: %s", what, text)
		}
	}
	for _, name := range storeNames() {
		needs("the store", "\n## `"+name+"`\n")
	}
	for _, id := range slices.Sorted(maps.Keys(families)) {
		needs("the family", "`"+id+"`")
	}
	for id := range refusedRoots {
		needs("the refused root", "`"+id+"`")
	}
	for _, p := range slices.Concat(bundlePaths(), keystorePaths) {
		needs("the path", "`/"+p+"`")
	}
	for _, row := range stores {
		switch s := row.store.(type) {
		case p11Store:
			for _, dir := range s.trust {
				needs("the directory of "+s.id, "`/"+dir)
			}
			for _, b := range s.files {
				needs("the bundle of "+s.id, b.path[strings.LastIndex(b.path, "/")+1:]+"`")
			}
			for _, d := range s.hashDirs {
				needs("the directory of "+s.id, d.path[strings.LastIndex(d.path, "/")+1:])
			}
			needs("the tool of "+s.id, "| the tool | `"+s.rebuild+"`")
		case dirStore:
			needs("the anchors of "+s.id, "| anchors | `/"+s.anchors+"/*"+s.ext+"`")
			needs("the bundle of "+s.id, "`/"+s.bundle+"`")
		}
	}
	for _, v := range readers.Variables() {
		if v.Value == "{bundle}" {
			needs("the variable", "`"+v.Name+"`")
		}
	}
}

// Each section names its sources, and says how it was tested.
func TestStoresHaveEvidence(t *testing.T) {
	data, err := os.ReadFile("../docs/stores.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range storeNames() {
		_, section, _ := strings.Cut(string(data), "\n## `"+name+"`\n")
		section, _, _ = strings.Cut(section, "\n## ")
		for _, word := range []string{"Source", "Shown:"} {
			if !strings.Contains(section, word) {
				t.Errorf("docs/stores.md has no %q for %s", word, name)
			}
		}
	}
}

// The tests detect each family, and patch reads the files of each store from an image.
func TestEachStoreIsRead(t *testing.T) {
	tests, err := os.ReadFile("stores_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range slices.Sorted(maps.Values(families)) {
		if !strings.Contains(string(tests), `\n", "`+family+`", "`) {
			t.Errorf("TestDetect has no root of the family %s", family)
		}
	}
	for _, row := range stores {
		for _, name := range placesOf(row.store) {
			if !Reads(name) {
				t.Errorf("%s needs /%s, which Reads does not name: patch cannot see it", row.store.name(), name)
			}
		}
	}
}

// placesOf returns the files of a distribution's store.
func placesOf(s store) (names []string) {
	switch s := s.(type) {
	case dirStore:
		return []string{s.anchors + "/x" + s.ext, s.links + "/x", s.bundle}
	case p11Store:
		for _, dir := range s.trust {
			names = append(names, dir+"/x")
		}
		for _, b := range s.files {
			names = append(names, b.path)
		}
		for _, d := range s.hashDirs {
			names = append(names, d.path+"/x")
		}
	}
	return names
}

// Each section describes a store that exists.
func TestDocumentedStoresExist(t *testing.T) {
	data, err := os.ReadFile("../docs/stores.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if name, ok := strings.CutPrefix(line, "## `"); ok && !slices.Contains(storeNames(), strings.Trim(name, "`\n")) {
			t.Errorf("docs/stores.md describes a store that does not exist: %s", line)
		}
	}
}

// A program's configuration that names an anchor of a store does not make the anchor
// a bundle.
func TestAnchorsOfStoresAreInput(t *testing.T) {
	for _, row := range stores {
		s, ok := row.store.(dirStore)
		if !ok {
			continue
		}
		anchor := s.anchors + "/corp" + s.ext
		e := &edit{root: rootfs.NewOverlay(fstest.MapFS{anchor: {}}), reader: pemfile.NewReader(), report: &Report{Detection: &Detection{Family: s.id}}}
		if !e.isInput(anchor) {
			t.Errorf("an anchor of %s would be extended as a bundle: /%s", s.id, anchor)
		}
	}
}

// The files that a store writes are found, and read from an image, without a second
// list.
func TestBundlesOfStoresAreKnown(t *testing.T) {
	for _, row := range stores {
		if s, ok := row.store.(dirStore); ok && (!slices.Contains(bundlePaths(), s.bundle) || !Reads(s.bundle)) {
			t.Errorf("the bundle of %s is not known: %s", s.id, s.bundle)
		}
	}
	if slices.Contains(knownBundles, clearLinux.bundle) {
		t.Error("the bundle of clear is named twice, so that this test shows nothing")
	}
}

func storeNames() []string {
	names := []string{keychainStore}
	for _, row := range stores {
		names = append(names, row.store.name())
	}
	return names
}
