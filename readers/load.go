package readers

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/rootfs"
)

// place is a file or directory of certificates that a reader reads.
type place struct {
	variables []*Variable // the first that is set names it, or them where it is a list
	own       bool        // it is the Mozilla roots that are built in, and no file
	must      bool        // a reader that cannot read it trusts nobody
	paths     []string    // else the first of these that exists
	read      format
}

// format is how a place is read. The name is that of what comes of it.
type format struct {
	name   string
	pem    bool // of a file of PEM
	read   func(l *loading, name string)
	hash   func(l *loading, dir string, want subject) // of a directory that is asked for a name
	passes func(*certs.Certificate) bool              // the others are not read; nil passes all
	each   *format                                    // how each file of a directory is read
}

// Damage is what keeps a reader from loading certificates.
type Damage struct {
	Path string // in the root
	Line int    // from 1; 0 where the file has no lines
	Why  string
	All  bool // nothing of the file is loaded
}

// files is what the instances of a root have read. They read the same files: each is
// read and parsed once for all that read it in the same way.
type files struct {
	root *rootfs.Overlay
	pem  *pemfile.Reader
	data map[string][]byte
	read map[string]*shelf // by format and name
	own  *shelf            // the Mozilla roots, once they were needed

	plain  map[string]*shelf // of files of which every reader makes the same, nil for others
	memory *memory
}

func newFiles(root *rootfs.Overlay, read *pemfile.Reader) *files {
	return &files{root: root, pem: read, data: map[string][]byte{}, read: map[string]*shelf{}, plain: map[string]*shelf{}, memory: newMemory()}
}

// shelf is what a place holds.
type shelf struct {
	held   []entry
	damage []Damage
	byName map[uint32][]entry
}

// BuiltIn stands for roots that are in a program, where others have the path of a store.
const BuiltIn = "built in"

type entry struct {
	cert *certs.Certificate
	path string
}

// subject is what certificates are looked for by: the hashes of a name.
type subject struct{ hash, old uint32 }

// named returns the certificates of a subject.
func (s *shelf) named(name subject) []entry {
	if s.byName == nil {
		s.byName = make(map[uint32][]entry, len(s.held))
		for _, e := range s.held {
			s.byName[e.cert.SubjectHash()] = append(s.byName[e.cert.SubjectHash()], e)
		}
	}
	return s.byName[name.hash]
}

// shelf returns what a place holds.
func (f *files) shelf(as format, name string) *shelf {
	if as.pem {
		if s := f.plainShelf(name); s != nil {
			return s
		}
	}
	key := as.name + "\x00" + name
	s := f.read[key]
	if s == nil {
		l := &loading{files: f, shelf: &shelf{}}
		as.read(l, name)
		s = l.shelf
		f.read[key] = s
	}
	return s
}

// mozilla returns the roots that are built into readers.
func (f *files) mozilla() *shelf {
	if f.own == nil {
		f.own = &shelf{}
		for _, der := range certs.MozillaDER() {
			if c, err := f.pem.Parse(der); err == nil {
				f.own.held = append(f.own.held, entry{c, BuiltIn})
			}
		}
	}
	return f.own
}

// loading is the reading of one place.
type loading struct {
	*files
	*shelf
}

func unrooted(paths []string) (names []string) {
	for _, p := range paths {
		if name := strings.TrimPrefix(path.Clean("/"+p), "/"); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// file returns what is in a file; ok is false if it cannot be read.
func (l *loading) file(name string) (data []byte, ok bool) {
	data, err := l.content(name)
	if err != nil {
		l.harm(Damage{Path: "/" + name, Why: "it cannot be read: " + reason(err), All: true})
	}
	return data, err == nil
}

func (f *files) content(name string) (data []byte, err error) {
	data, ok := f.data[name]
	if !ok {
		if data, err = f.root.Content(name); err == nil {
			f.data[name] = data
		}
	}
	return data, err
}

// reason is what is wrong, without the path, which is named beside it.
func reason(err error) string {
	for {
		inner, ok := err.(interface{ Unwrap() error })
		if !ok || inner.Unwrap() == nil {
			return err.Error()
		}
		err = inner.Unwrap()
	}
}

func (l *loading) harm(d Damage) { l.damage = append(l.damage, d) }

func (l *loading) add(c *certs.Certificate, name string) {
	l.held = append(l.held, entry{c, "/" + name})
}

// every reads each file of a directory, once for all links that lead to it.
func every(as format) format {
	read := func(l *loading, dir string) {
		done := map[string]bool{}
		for _, name := range l.filesIn(dir) {
			if !done[name] {
				done[name] = true
				s := l.files.shelf(as, name)
				l.held, l.damage = append(l.held, s.held...), append(l.damage, s.damage...)
			}
		}
	}
	return format{name: "every " + as.name, read: read, passes: as.passes, each: &as}
}

// filesIn returns the regular files in a directory, by what their links lead to.
func (f *files) filesIn(dir string) (names []string) {
	entries, _ := f.root.ReadDir(dir) // what cannot be listed holds nothing
	for _, e := range entries {
		name, err := f.root.Resolve(path.Join(dir, e.Name()))
		if err != nil {
			continue
		}
		if info, err := f.root.Stat(name); err == nil && info.Mode().IsRegular() {
			names = append(names, name)
		}
	}
	return names
}

// alreadyRead returns what was read of the files in a directory, as they are read in it.
func (f *files) alreadyRead(as format, dir string) (all []*shelf) {
	for _, name := range slices.Sorted(maps.Keys(f.data)) {
		if path.Dir(name) == dir {
			all = append(all, f.shelf(*as.each, name))
		}
	}
	return all
}
