package readers

import (
	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/rootfs"
)

// Search looks into one root for readers and for files with CAs of languages. A
// path that several searches need is looked up once.
type Search struct {
	f    *finder
	read *pemfile.Reader
}

// NewSearch returns a search of a root. environ is the environment of its
// programs. read reads its files, and is faster with files that it has already
// read.
func NewSearch(root *rootfs.Overlay, environ map[string]string, read *pemfile.Reader) *Search {
	return &Search{newFinder(root, environ), read}
}

// Readers returns the readers of [In], and after them the programs with roots of
// their own whose rules no run has measured: see [Instance.Measured].
func (s *Search) Readers() (all []Instance) {
	read := newFiles(s.f.root, s.read)
	for _, rows := range [][]row{table, others} {
		for n := range rows {
			all = append(all, rows[n].in(s.f, read)...)
		}
	}
	return all
}

// Glob returns the names that match any pattern. {home} stands for every home
// directory.
func (s *Search) Glob(patterns ...string) []string { return s.f.Match(patterns...) }

// Module returns a file of a Python module, from each directory with modules.
func (s *Search) Module(file string) []string { return s.f.module(file) }

// JavaHomes returns the directories that may be Java runtimes. Some of them are
// links.
func (s *Search) JavaHomes() []string { return s.f.homes() }

// PythonFiles returns the files of CAs that Python modules other than certifi
// have.
func (s *Search) PythonFiles() []string { return append(botocoreFiles(s.f), grpcFiles(s.f)...) }

// CondaFiles returns the bundles of Conda's environments.
func (s *Search) CondaFiles() []string { return condaFiles(s.f) }
