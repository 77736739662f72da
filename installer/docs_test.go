package installer

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/internal/roottest"
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

// shownBy names the test that runs or replays the tool of a store without a golden tree.
var shownBy = map[string]struct{ file, test string }{
	"alpine":  {"e2e/walk/alpine_test.go", "func replayAlpine("},
	"photon":  {"e2e/roots/dirstore_test.go", "func TestPhotonFixedPoint("},
	"bundle":  {"e2e/image/dockerfile_test.go", "func TestImagesWithoutShell("},
	"java":    {"e2e/roots/java_test.go", "func TestJavaOfDebian("},
	"env":     {"e2e/image/rights_test.go", "func TestS3S4UserWithoutRights("},
	"config":  {"e2e/clients/config_test.go", "func TestR13Configuration("},
	"browser": {"e2e/browsers/browsers_test.go", "func TestR12Browsers("},
}

// notShown says why neither a golden tree nor a test with the real tool shows a store.
var notShown = map[string]string{
	"flatcar":  "Debian has no package of its tool, and no test replays it",
	"clear":    "clrtrust ended with Clear Linux in 2025",
	"openwrt":  "no tool: the packages bring the files",
	"nix":      "no tool: Nix builds the file, and must not find it changed",
	"php":      "no tool: php.ini names a file, as those of config do",
	"homebrew": "no tool: a package brings the file",
	"python":   "no tool: packages bring the files",
	"ruby":     "no tool: gems bring the files",
	"conda":    "no tool: a package brings the file",
	"composer": "no tool: a package brings the file",
}

// A golden tree, or a test in shownBy, shows each store. A store without both has its
// reason in notShown.
func TestStoresAreShown(t *testing.T) {
	golden := goldenFamilies(t)
	for _, row := range stores {
		name, shown := row.store.name(), 0
		if golden[name] {
			shown++
		}
		if by, ok := shownBy[name]; ok {
			shown++
			if code, err := os.ReadFile("../" + by.file); err != nil || !strings.Contains(string(code), by.test) {
				t.Errorf("shownBy in installer/docs_test.go: %s does not have %q, which shows the store %s (%v)", by.file, by.test, name, err)
			}
		}
		if notShown[name] != "" {
			shown++
		}
		switch {
		case shown == 0:
			t.Errorf("no tool shows the store %s. Make testdata/roots/NAME.before.txtar and .after.txtar with its tool (e2e/roots/golden_test.go), "+
				"or replay the tool in e2e and name the test in shownBy, or write the reason into notShown (both in installer/docs_test.go)", name)
		case shown > 1:
			t.Errorf("the store %s is shown, and has more than it needs in shownBy or notShown of installer/docs_test.go: take the row out", name)
		}
	}
	names := storeNames()
	for _, name := range slices.Concat(slices.Collect(maps.Keys(shownBy)), slices.Collect(maps.Keys(notShown))) {
		if !slices.Contains(names, name) {
			t.Errorf("shownBy or notShown in installer/docs_test.go has %s, which is not a store", name)
		}
	}
}

// goldenFamilies returns the families of the golden trees. The tests of this package
// replay each tree, and e2e compares it with the tool.
func goldenFamilies(t *testing.T) map[string]bool {
	t.Helper()
	replays := readText(t, "installer_test.go", "p11kit_test.go")
	captures := readText(t, "../e2e/roots/debian_test.go", "../e2e/rig/p11kit.go")
	families := map[string]bool{}
	files, err := filepath.Glob("../testdata/roots/*.before.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("testdata/roots has no golden trees (%v)", err)
	}
	for _, file := range files {
		d, err := Detect(roottest.TreeFile(t, file))
		if err != nil {
			t.Fatal(err)
		}
		families[d.Family] = true
		name := strings.TrimSuffix(filepath.Base(file), ".before.txtar")
		if _, err := os.Stat("../testdata/roots/" + name + ".after.txtar"); err != nil {
			t.Errorf("%v: go test -tags e2e ./e2e/roots -run Golden -update writes it", err)
		}
		if !strings.Contains(replays, `"`+name+`"`) {
			t.Errorf("no test installs into testdata/roots/%s.before.txtar: add %q to TestDebianGolden in installer/installer_test.go or to TestP11KitGolden in installer/p11kit_test.go", name, name)
		}
		if !strings.Contains(captures, `"`+name+`"`) {
			t.Errorf("no test compares testdata/roots/%s.before.txtar with the tool: add %q to suites in e2e/roots/debian_test.go or to P11Families in e2e/rig/p11kit.go", name, name)
		}
	}
	return families
}

// readText returns the text of files, one behind another.
func readText(t *testing.T, names ...string) string {
	t.Helper()
	var text strings.Builder
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(data)
	}
	return text.String()
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
