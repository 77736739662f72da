package installer

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer/internal/distrusted"
	"github.com/certgraft/certgraft/internal/browser"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/internal/settings"
	"github.com/certgraft/certgraft/rootfs"
)

// store is one convention for keeping trusted certificates. A new store is a file with
// its own type, and a row in the table below.
type store interface {
	// name returns the store's name for the user and the record.
	name() string
	// used reports whether the root has the store.
	used(e *edit) bool
	// install adds the wanted certificates that are missing, and reports the store.
	install(e *edit, want []wanted) error
	// remove takes gone out, if this program added it, and reports the store.
	remove(e *edit, gone map[certs.Fingerprint]bool) error
}

// part says which names in --stores select a store.
type part int

const (
	system part = iota // auto, and system
	extra              // auto
	named              // its own name only
)

// stores is every store, with the names that select it.
var stores = []struct {
	store store
	part  part
}{
	{debian, system},
	{alpine, system},
	{fedora, system},
	{arch, system},
	{suse, system},
	{photon, system},
	{flatcar, system},
	{clearLinux, system},
	{openwrt, system},
	{nixStore{}, named},
	{bundleStore{}, system},
	{javaStore{}, extra},
	{envStore{}, extra},
	{configStore{}, extra},
	{phpStore, extra},
	{homebrew, extra},
	{pythonStore, named},
	{rubyStore, named},
	{condaStore, named},
	{composerStore, named},
	{browserStore{}, named},
}

func newEdit(root *rootfs.Overlay, opt Options) (*edit, error) {
	detection, err := Detect(root)
	if err != nil {
		return nil, err
	}
	return openEdit(root, opt, detection)
}

// lookAt opens a root that must not be edited.
func lookAt(root fs.ReadLinkFS, opt Options) (*edit, error) {
	o := overlayOf(root)
	detection, err := detect(o)
	if err != nil {
		return nil, err
	}
	return openEdit(o, opt, detection)
}

func openEdit(root *rootfs.Overlay, opt Options, detection *Detection) (*edit, error) {
	recorded, err := readRecord(root)
	if err != nil {
		return nil, err
	}
	return &edit{root: root, opt: opt, reader: pemfile.NewReader(), record: recorded, report: &Report{Detection: detection}, bundlePaths: bundlePaths()}, nil
}

// stores returns the stores to edit.
func (e *edit) stores() ([]store, error) {
	chosen, wanted := []store(nil), e.opt.Stores
	if wanted == nil {
		wanted = []string{"auto"}
	}
	known := []string{"auto", "system"}
	for _, row := range stores {
		name := row.store.name()
		asked := slices.Contains(wanted, name) || row.part == system && slices.Contains(wanted, "system") || row.part != named && slices.Contains(wanted, "auto")
		if row.part == named && !asked || !row.store.used(e) {
			continue
		}
		known = append(known, name)
		if asked {
			chosen = append(chosen, row.store)
		}
	}
	for _, n := range wanted {
		if !slices.Contains(known, n) {
			return nil, e.noStore(n)
		}
	}
	return chosen, nil
}

// noStore returns the error for a store that the root does not have.
func (e *edit) noStore(name string) error {
	var names []string
	for _, row := range stores {
		if row.store.used(e) {
			names = append(names, row.store.name())
		}
	}
	return hint.Add(fmt.Errorf("this root has no store %q", name), "stores: "+strings.Join(names, ", ")+"; system for the distribution's own, auto for all that are safe to edit")
}

// bundlePaths returns the files from which programs read all their CAs: the known ones,
// and the other files that the stores write.
var bundlePaths = sync.OnceValue(func() []string {
	paths := slices.Clone(knownBundles)
	for _, row := range stores {
		if s, ok := row.store.(interface{ writes() string }); ok && !slices.Contains(paths, s.writes()) {
			paths = append(paths, s.writes())
		}
	}
	return paths
})

// StoreNames returns the valid names in [Options].Stores: every store, and the names
// for several of them.
func StoreNames() []string {
	names := []string{"auto", "system"}
	for _, row := range stores {
		names = append(names, row.store.name())
	}
	return names
}

// readDirs are directories in which the stores may read any file.
var readDirs = []string{
	"etc/ssl/", "etc/pki/", "usr/share/pki/", "etc/ca-certificates/", "etc/ca-certs/", "var/cache/ca-certs/", "usr/share/ca-certificates/", "usr/local/share/ca-certificates/", "var/lib/ca-certificates/",
}

// readFiles are the other files that the stores read.
var readFiles = []string{
	RecordPath, distrusted.Path, caConf, updateTool, updateTool2, "etc/os-release", "usr/lib/os-release", "etc/alpine-release", "lib/apk/db/installed", "var/lib/dpkg/status",
}

// readNames are names of files that are read in any directory: packages of a language
// keep CAs in them, or they are configuration that names such files.
var readNames = []string{
	"cacert.pem", "cacerts.txt", "roots.pem", "ca-bundle.crt", "ca-certificates.crt", "cert.pem", // Python, Ruby, Conda, Composer, Homebrew
	"cacerts", "jssecacerts", // Java
	"php.ini",
	"node_version.h", "release", // the release of Node, and of Java
}

// Reads reports whether a store may read the file at name, or ask whether it exists.
// The caller need not keep an image's other files. The stores also read files that an
// environment names ([Options.Environ]).
func Reads(name string) bool {
	return slices.Contains(readNames, path.Base(name)) || strings.Contains(name, "php") && path.Ext(name) == ".ini" ||
		slices.ContainsFunc(readDirs, func(dir string) bool { return strings.HasPrefix(name+"/", dir) }) ||
		slices.Contains(bundlePaths(), name) || slices.Contains(readFiles, name) || settings.Reads(name) || browser.Reads(name)
}
