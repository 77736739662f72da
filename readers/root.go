package readers

import (
	"cmp"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/rootfs"
)

// Root is a root with its readers.
type Root struct {
	found   []Instance
	files   *files
	environ map[string]string
}

// Look finds the readers in a root, except readers that leave no file. environ is
// the environment in which they run.
func Look(root *rootfs.Overlay, environ map[string]string) *Root {
	r, f := &Root{files: newFiles(root, pemfile.NewReader()), environ: environ}, newFinder(root, environ)
	defer r.ahead()()
	for n := range table {
		r.found = append(r.found, table[n].in(f, r.files)...)
	}
	return r
}

// ahead starts to parse the bundle, which most readers read, in parallel. wait
// returns when the bundle is parsed.
func (r *Root) ahead() (wait func()) {
	parse, wait := r.files.pem.Ahead()
	for _, name := range bundles {
		real, err := r.files.root.Resolve(name)
		if err != nil {
			continue
		}
		if data, err := r.files.content(real); err == nil {
			parse(data)
			break
		}
	}
	return wait
}

// In returns the readers that [Look] finds.
func In(root *rootfs.Overlay, environ map[string]string) []Instance { return Look(root, environ).found }

// Found returns the readers in the root.
func (r *Root) Found() []Instance { return r.found }

// Default returns the reader that decides if no reader is named: OpenSSL with the
// places of the root. Without OpenSSL in the root it applies OpenSSL's rules to
// the bundle. Without a bundle its decisions are blind.
func (r *Root) Default() Instance {
	for _, i := range r.found {
		if i.ID == "openssl" {
			return i
		}
	}
	row := *named("openssl")
	row.places = fixed(
		place{variables: []*Variable{sslCertFile}, paths: append(slices.Clip(openSSLFile), bundles...), read: wholeFile},
		openSSLPlaces[1],
	)
	return row.instance(r.files, where{"", r.environ}, "")
}

// Named returns the readers with an id, which may have a release after a slash. If
// the root has none, Named returns one that judges by the reader's rules. Its
// places are the reader's default places if any exists, else the places of
// [Root.Default]. ok is false for an unknown id.
func (r *Root) Named(id string) (all []Instance, ok bool) {
	id, release, _ := strings.Cut(id, "/")
	row := named(id)
	if row == nil {
		return nil, false
	}
	for _, i := range r.found {
		if i.ID == row.id && (release == "" || i.Release == release || strings.HasPrefix(i.Release, release+".")) {
			all = append(all, i)
		}
	}
	if len(all) == 0 {
		all = append(all, r.absent(row, release))
	}
	return all, true
}

// absent returns a reader that the root does not have.
func (r *Root) absent(row *row, release string) Instance {
	i := row.instance(r.files, where{"", r.environ}, release)
	for _, p := range row.places(i.at) {
		if p.own || len(i.names(p)) > 0 {
			return i
		}
	}
	d, elsewhere := r.Default(), *row
	elsewhere.places = d.row.places
	i.row, i.at = &elsewhere, d.at
	return i
}

// named returns the row of a reader, or nil for an unknown id. The name of a
// program leads to its reader.
func named(id string) *row {
	id = cmp.Or(programNames[id], id)
	for n := range table {
		if table[n].id == id {
			return &table[n]
		}
	}
	return nil
}

// Content returns the content of a file in the root.
func (r *Root) Content(name string) ([]byte, error) { return r.files.content(name) }

// FilesIn returns the regular files in a directory of the root and in its
// subdirectories.
func (r *Root) FilesIn(dir string) []string {
	names := r.files.filesIn(dir)
	entries, _ := r.files.root.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, r.files.filesIn(path.Join(dir, e.Name()))...)
		}
	}
	return names
}

// Alone returns the first of paths whose file holds exactly one certificate, with
// links resolved, or "".
func (r *Root) Alone(paths []string) string {
	for _, name := range unrooted(paths) {
		real, err := r.files.root.Resolve(name)
		if err != nil {
			continue
		}
		if data, err := r.files.content(real); err == nil && r.files.pem.Single(data) != nil {
			return "/" + real
		}
	}
	return ""
}

// File returns a reader that applies OpenSSL's rules to one file.
func (r *Root) File(path string) Instance {
	row := *named("openssl")
	row.places = fixed(place{paths: unrooted([]string{path}), read: untilDamage})
	return row.instance(r.files, where{"", r.environ}, "")
}

// Rules returns an empty root. Its readers judge only by the certificates of a
// case.
func Rules() *Root { return Look(rootfs.NewOverlay(nothing{}), nil) }

// nothing is a file system without files.
type nothing struct{}

func (nothing) Open(name string) (fs.File, error)      { return nil, missingFile("open", name) }
func (nothing) Lstat(name string) (fs.FileInfo, error) { return nil, missingFile("lstat", name) }
func (nothing) ReadLink(name string) (string, error)   { return "", missingFile("readlink", name) }

func missingFile(op, name string) error {
	return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
}

// Holds reports whether any place of the reader has a certificate.
func (i Instance) Holds() bool {
	for _, p := range i.row.places(i.at) {
		if p.own {
			return true
		}
		for _, name := range i.names(p) {
			if p.read.hash == nil && len(i.files.shelf(p.read, name).held) > 0 {
				return true
			}
		}
	}
	return i.Anchor() != ""
}

// Anchor returns the path of a file with one certificate, among the files that the
// reader finds by hash, or "".
func (i Instance) Anchor() string {
	for _, p := range i.row.places(i.at) {
		if p.read.hash == nil {
			continue
		}
		for _, dir := range i.names(p) {
			entries, _ := i.files.root.ReadDir(dir)
			for _, e := range entries {
				if name := i.real([]string{path.Join(dir, e.Name())})[0]; hashLink.MatchString(e.Name()) && i.single(name) {
					return "/" + name
				}
			}
		}
	}
	return ""
}

func (i Instance) single(name string) bool {
	data, err := i.files.root.Content(name)
	return err == nil && i.files.pem.Single(data) != nil
}
