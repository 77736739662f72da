package installer

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/readers"
)

// Every store has its section in docs/stores.md, and what the tables in the code
// name is named there.
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
	for _, s := range []p11Store{fedora, arch, suse} {
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
	}
	for _, s := range []dirStore{photon, flatcar, clearLinux, openwrt} {
		needs("the anchors of "+s.id, "| anchors | `/"+s.anchors+"/*"+s.ext+"`")
		needs("the bundle of "+s.id, "`/"+s.bundle+"`")
	}
	for _, v := range readers.Variables() {
		if v.Value == "{bundle}" {
			needs("the variable", "`"+v.Name+"`")
		}
	}
}

// A section is of a store that there is.
func TestDocumentedStoresExist(t *testing.T) {
	data, err := os.ReadFile("../docs/stores.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if name, ok := strings.CutPrefix(line, "## `"); ok && !slices.Contains(storeNames(), strings.Trim(name, "`\n")) {
			t.Errorf("docs/stores.md describes a store that there is not: %s", line)
		}
	}
}

// What a store writes is found, and read out of an image, though nobody names it
// again.
func TestBundlesOfStoresAreKnown(t *testing.T) {
	for _, s := range []dirStore{photon, flatcar, clearLinux, openwrt} {
		if !slices.Contains(bundlePaths(), s.bundle) || !Reads(s.bundle) {
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
