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
	variables []*Variable // the first one that is set names the path, or a list of paths
	own       bool        // the built-in Mozilla roots in place of a file
	must      bool        // a reader that cannot read it trusts no CA
	paths     []string    // without a variable the first of these that exists
	read      format
}

// format is a way to read a place. Its name is a key for the result.
type format struct {
	name   string
	pem    bool // the file is PEM
	read   func(l *loading, name string)
	hash   func(l *loading, dir string, want subject) // reads one name from a directory
	passes func(*certs.Certificate) bool              // accepts a certificate; nil accepts all
	each   *format                                    // the format of each file in a directory
}

// Damage is a reason why a reader does not load certificates.
type Damage struct {
	Path string // in the root
	Line int    // from 1; 0 for a file without lines
	Why  string
	All  bool // the reader loads no certificate of the file
}

// files is the cache of the readers of a root. A file is read and parsed once for
// all readers that read it in the same way.
type files struct {
	root *rootfs.Overlay
	pem  *pemfile.Reader
	data map[string][]byte
	read map[string]*shelf // by format and name
	own  *shelf            // the Mozilla roots; nil before the first use

	plain  map[string]*shelf // files that every reader reads alike; nil for other files
	memory *memory
}

func newFiles(root *rootfs.Overlay, read *pemfile.Reader) *files {
	return &files{root: root, pem: read, data: map[string][]byte{}, read: map[string]*shelf{}, plain: map[string]*shelf{}, memory: newMemory()}
}

// shelf is the content of a place.
type shelf struct {
	held   []entry
	damage []Damage
	byName map[uint32][]entry
}

// BuiltIn stands for the roots in a program, in place of the path of a store.
const BuiltIn = "built in"

type entry struct {
	cert *certs.Certificate
	path string
}

// subject is the two hashes of a name, by which certificates are found.
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

// shelf returns the content of a place.
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

// file returns the content of a file; ok is false if it cannot be read.
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

// reason is the text of an error without the path, which stands beside it.
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

// every reads each file of a directory. Several links to a file cause one read.
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

// filesIn returns the regular files in a directory, with links resolved.
func (f *files) filesIn(dir string) (names []string) {
	entries, _ := f.root.ReadDir(dir) // a directory that cannot be listed has no files
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

// alreadyRead returns the files of a directory that were already read in this
// format.
func (f *files) alreadyRead(as format, dir string) (all []*shelf) {
	for _, name := range slices.Sorted(maps.Keys(f.data)) {
		if path.Dir(name) == dir {
			all = append(all, f.shelf(*as.each, name))
		}
	}
	return all
}
