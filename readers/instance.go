package readers

import (
	"io/fs"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/rootfs"
)

// Instance is a reader that is there in a root.
type Instance struct {
	Reader
	Path string // of what was found: a program, a library, the directory of a runtime

	root *rootfs.Overlay
	pem  *pemfile.Reader // of all that are in the root: they read the same files
	row  row
	at   where
}

// In returns the readers that are there in a root, those that nobody can find by a
// file aside. Variables are those of the environment in which they run.
func In(root *rootfs.Overlay, environ map[string]string) (all []Instance) {
	f, pem := newFinder(root, environ), pemfile.NewReader()
	for _, r := range table {
		if r.find == nil {
			continue
		}
		for _, at := range f.distinct(r.find(f)) {
			all = append(all, r.instance(root, pem, where{at.path, environ}, at.release))
		}
	}
	return all
}

func (r row) instance(root *rootfs.Overlay, pem *pemfile.Reader, at where, release string) Instance {
	return Instance{Reader: r.reader(release), Path: "/" + at.path, root: root, pem: pem, row: r, at: at}
}

// Load returns the certificates that the reader trusts, as strictly as it reads them, and
// what it does not load of its places. The sources of each certificate are the
// places that have it.
func (i Instance) Load() (*certs.Set, []Damage) {
	l := &loading{root: i.root, pem: i.pem, held: &certs.Set{}}
	for _, p := range i.row.places(i.at) {
		if p.own {
			roots, _ := certs.MozillaRoots()
			for c := range roots.All() {
				l.held.Add(c, "built in")
			}
			continue
		}
		before, names := len(l.damage), i.names(p)
		for _, name := range names {
			p.read(l, name)
		}
		if p.must && len(names) == 0 {
			l.harm(Damage{Path: "/" + p.paths[len(p.paths)-1], Why: "it does not exist, and the reader does not begin without", All: true})
		}
		if p.must && len(l.damage) > before {
			return &certs.Set{}, l.damage
		}
	}
	return l.held, l.damage
}

// names returns the paths of a place, without their first slash.
func (i Instance) names(p place) []string {
	for _, v := range p.variables {
		if value := i.at.environ[v]; value != "" {
			return i.real(unrooted(strings.Split(value, ":")))
		}
	}
	if p.adds {
		return nil
	}
	for _, name := range p.paths {
		if _, err := fs.Stat(i.root, name); err == nil {
			return i.real([]string{name})
		}
	}
	return nil
}

// real resolves links: what is said of a file is said of the one that is read.
func (i Instance) real(names []string) []string {
	for n, name := range names {
		if real, err := i.root.Resolve(name); err == nil {
			names[n] = real
		}
	}
	return names
}
