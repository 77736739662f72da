package readers

import (
	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/rootfs"
)

// Search looks into one root for readers, and for the files of languages that have
// CAs. What several are found by is looked up once.
type Search struct {
	f    *finder
	read *pemfile.Reader
}

// NewSearch returns a search of a root. The variables are those with which its
// programs run, and read is what reads its files: one that has met them is faster.
func NewSearch(root *rootfs.Overlay, environ map[string]string, read *pemfile.Reader) *Search {
	return &Search{newFinder(root, environ), read}
}

// Readers returns what is there, as [In] does, and behind it the programs with roots
// of their own whose rules no run has measured: see [Instance.Measured].
func (s *Search) Readers() (all []Instance) {
	read := newFiles(s.f.root, s.read)
	for _, rows := range [][]row{table, others} {
		for n := range rows {
			all = append(all, rows[n].in(s.f, read)...)
		}
	}
	return all
}

// Glob returns the names that match any of the patterns; {home} is every home
// directory.
func (s *Search) Glob(patterns ...string) []string { return s.f.Match(patterns...) }

// Module returns a file of a Python module, in each place of modules that has it.
func (s *Search) Module(file string) []string { return s.f.module(file) }

// JavaHomes returns the directories that may be Java runtimes, links to some among them.
func (s *Search) JavaHomes() []string { return s.f.homes() }

// PythonFiles returns the files of CAs that Python's modules have beside certifi's.
func (s *Search) PythonFiles() []string { return append(botocoreFiles(s.f), grpcFiles(s.f)...) }

// CondaFiles returns the bundles of Conda's environments.
func (s *Search) CondaFiles() []string { return condaFiles(s.f) }
