package readers

import (
	"fmt"
	"strings"

	"github.com/certgraft/certgraft/certs"
)

// Instance is a reader in a root.
type Instance struct {
	Reader
	Path string // of the program, the library or the directory of a runtime; "" if none was found

	files *files // shared by all readers of the root, which read the same files
	row   *row
	at    where
}

// in returns the instances of a reader.
func (r *row) in(f *finder, read *files) (all []Instance) {
	if r.find == nil {
		return nil
	}
	for _, at := range f.distinct(r.find(f)) {
		all = append(all, r.instance(read, where{at.path, f.environ}, at.release))
	}
	return all
}

func (r *row) instance(read *files, at where, release string) Instance {
	i := Instance{Reader: r.reader(release), files: read, row: r, at: at}
	if at.path != "" {
		i.Path = "/" + at.path
	}
	return i
}

// Measured reports whether a run has measured the rules of the reader. Without
// rules [Reader.Judge] gives no verdict.
func (i Instance) Measured() bool { return len(i.row.versions) > 0 }

// Load returns the certificates that the reader trusts, parsed as strictly as the
// reader does, and the damage of its places. The sources of a certificate are the
// places that have it.
func (i Instance) Load() (*certs.Set, []Damage) {
	held, damage := &certs.Set{}, []Damage(nil)
	for _, p := range i.row.places(i.at) {
		if p.own {
			i.files.mozilla().into(held, p.read)
			continue
		}
		harm := i.missing(p)
		for _, name := range i.names(p) {
			s := i.files.shelf(p.read, name)
			harm = append(harm, s.damage...)
			harm = append(harm, s.into(held, p.read)...)
		}
		damage = append(damage, harm...)
		if p.must && len(harm) > 0 {
			return &certs.Set{}, damage
		}
	}
	return held, damage
}

// into adds the certificates to the loaded ones of a reader. A certificate that
// the format does not accept is damage.
func (s *shelf) into(held *certs.Set, as format) (damage []Damage) {
	left := map[string]int{}
	for _, e := range s.held {
		if as.passes == nil || as.passes(e.cert) {
			held.Add(e.cert, e.path)
			continue
		}
		left[e.path]++
		if left[e.path] == 1 {
			damage = append(damage, Damage{Path: e.path, Why: fmt.Sprintf("the certificate of %s is not read: %s", e.cert.Name(), e.cert.Quirk())})
		}
	}
	return damage
}

// missing is the damage of a place that must exist and does not.
func (i Instance) missing(p place) []Damage {
	if !p.must || len(i.names(p)) > 0 || len(p.paths) == 0 {
		return nil
	}
	return []Damage{{Path: "/" + p.paths[len(p.paths)-1], Why: "it does not exist, and the reader does not begin without", All: true}}
}

// names returns the paths of a place, without the first slash.
func (i Instance) names(p place) []string {
	for _, v := range p.variables {
		if files := v.Files(i.at.environ[v.Name]); len(files) > 0 {
			return i.real(unrooted(files))
		}
	}
	for _, name := range p.paths {
		if _, err := i.files.root.Stat(name); err == nil {
			return i.real([]string{name})
		}
	}
	return nil
}

// real resolves links, because messages name the file that is read.
func (i Instance) real(names []string) []string {
	for n, name := range names {
		if real, err := i.files.root.Resolve(name); err == nil {
			names[n] = real
		}
	}
	return names
}

// Remedy says how to make the reader trust a bundle. For a reader of the system's
// bundle it is the first variable that names another bundle.
func (i Instance) Remedy() Remedy {
	c := i.Reader.Remedy()
	if c != (Remedy{}) {
		return c
	}
	for _, p := range i.row.places(i.at) {
		if len(p.variables) > 0 && p.variables[0].Value == aBundle {
			return Remedy{Variable: p.variables[0]}
		}
	}
	return c
}

// given returns the value of the variable that names the CAs of a reader without
// a store of its own.
func (i Instance) given() string {
	r := i.Reader.Remedy()
	switch {
	case r.Instead == "" || r.Variable == nil:
		return ""
	case i.at.environ[r.Variable.Name] == "system":
		return "the system's stores"
	}
	return i.at.environ[r.Variable.Name]
}

// ReadsSystem reports whether the reader reads a file or directory of the system
// if no variable names another.
func (i Instance) ReadsSystem() bool {
	for _, p := range i.row.places(where{i.at.path, nil}) {
		for _, name := range (Instance{files: i.files, at: where{i.at.path, nil}}).names(p) {
			if strings.HasPrefix(name, "etc/") || strings.HasPrefix(name, "var/lib/ca-certificates/") {
				return true
			}
		}
	}
	return false
}

// Stores returns the places of the reader that exist, and [BuiltIn].
func (i Instance) Stores() (paths []string) {
	for _, p := range i.row.places(i.at) {
		if p.own {
			paths = append(paths, BuiltIn)
			continue
		}
		for _, name := range i.names(p) {
			paths = append(paths, "/"+name)
		}
	}
	return paths
}
