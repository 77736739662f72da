package installer

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/rootfs"
)

// Inspection is what a root trusts.
type Inspection struct {
	Distribution *Detection   `json:"distribution"`
	Stores       []StoreState `json:"stores"`
	Installed    []Installed  `json:"installed"` // by certgraft
	Differences  []Difference `json:"differences"`
	Warnings     []string     `json:"warnings"`
}

// StoreState is the state of one file that programs read their CAs from.
type StoreState struct {
	Path         string   `json:"path"`
	Aliases      []string `json:"aliases,omitzero"` // other names that lead to it
	Format       string   `json:"format"`
	Certificates int      `json:"certificates"`
	Expired      int      `json:"expired"`
	Expiring     int      `json:"expiring"`  // within 90 days
	Certgraft    int      `json:"certgraft"` // that certgraft installed
	Problems     []string `json:"problems,omitzero"`

	held *certs.Set
}

// Installed is what certgraft installed from one source.
type Installed struct {
	Source       string `json:"source"`
	Set          string `json:"set"`
	Certificates int    `json:"certificates"`
}

// Difference is a certificate that one store has and another has not.
type Difference struct {
	Fingerprint string   `json:"fingerprint"`
	Subject     string   `json:"subject"`
	In          []string `json:"in"`
	Missing     []string `json:"missing"`
}

// expiresSoon is how far ahead an expiry is announced.
const expiresSoon = 90 * 24 * time.Hour

// Inspect looks at the stores of a root, as of now.
func Inspect(root fs.ReadLinkFS, now time.Time, opt Options) (*Inspection, error) {
	o, ok := root.(*rootfs.Overlay)
	if !ok {
		o = rootfs.NewOverlay(root)
	}
	e, err := newEdit(o, opt)
	if err != nil {
		return nil, err
	}
	out := &Inspection{Distribution: e.report.Detection, Stores: []StoreState{}, Installed: []Installed{}, Differences: []Difference{}, Warnings: []string{}}
	ours := map[certs.Fingerprint]bool{}
	for _, c := range e.record.Certificates {
		if f, err := certs.ParseFingerprint(c.Fingerprint); err == nil {
			ours[f] = true
		}
	}
	if out.Stores, err = e.states(now, ours); err != nil {
		return nil, err
	}
	out.Differences = differences(out.Stores)
	out.Installed = e.installed()
	out.Warnings = append(out.Warnings, e.notYet()...)
	return out, nil
}

// states looks at every bundle, every file that the environment names, and the
// directory of hash links.
func (e *edit) states(now time.Time, ours map[certs.Fingerprint]bool) ([]StoreState, error) {
	bundles, err := e.bundleFiles()
	if err != nil {
		return nil, err
	}
	extra, err := e.envFiles()
	if err != nil {
		return nil, err
	}
	states := []StoreState{}
	for _, name := range append(bundles, extra...) {
		data, err := e.root.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read a bundle: %w", err)
		}
		s := stateOf("/"+name, "PEM bundle", readPEM(data), now, ours)
		s.Aliases = e.aliases(name)
		states = append(states, s)
	}
	if dir, ok, err := e.directoryState(now, ours); ok || err != nil {
		return append(states, dir), err
	}
	return states, nil
}

func stateOf(name, format string, file pemFile, now time.Time, ours map[certs.Fingerprint]bool) StoreState {
	s := StoreState{Path: name, Format: format, held: file.certificates()}
	s.Certificates = s.held.Len()
	for c := range s.held.All() {
		switch {
		case now.After(c.NotAfter()):
			s.Expired++
		case now.Add(expiresSoon).After(c.NotAfter()):
			s.Expiring++
		}
		if ours[c.Fingerprint()] {
			s.Certgraft++
		}
	}
	for _, b := range file.blocks {
		if poisoned(b) {
			s.Problems = append(s.Problems, b.Finding.Error()+": strict readers lose the whole file")
		}
	}
	return s
}

// aliases returns the other known names that lead to a bundle.
func (e *edit) aliases(name string) []string {
	var names []string
	for _, p := range bundlePaths {
		if p == name {
			continue
		}
		if real, err := e.root.Resolve(p); err == nil && real == name {
			names = append(names, "/"+p)
		}
	}
	return names
}

// directoryState looks at the hash links in /etc/ssl/certs, if there are any.
func (e *edit) directoryState(now time.Time, ours map[certs.Fingerprint]bool) (StoreState, bool, error) {
	links, err := readLinks(e.root)
	if err != nil {
		return StoreState{}, false, err
	}
	file := pemFile{}
	var problems []string
	for _, name := range sortedKeys(links) {
		if !isHashName(name) {
			continue
		}
		data, err := e.root.ReadFile(debianCerts + "/" + name)
		if err != nil {
			problems = append(problems, name+" leads nowhere")
			continue
		}
		in := readPEM(data)
		hash, id := splitHashName(name)
		if len(in.blocks) == 1 && in.blocks[0].Certificate != nil && in.blocks[0].Certificate.SubjectHash() != hash {
			problems = append(problems, name+" leads to a certificate with another hash: nobody finds it")
		}
		if id > 0 && links[fmt.Sprintf("%08x.%d", hash, id-1)] == "" {
			problems = append(problems, name+" is not found: there is a gap before it")
		}
		file.blocks = append(file.blocks, in.blocks...)
	}
	if len(file.blocks) == 0 {
		return StoreState{}, false, nil
	}
	s := stateOf("/"+debianCerts, "hash links", file, now, ours)
	s.Problems = problems
	return s, true, nil
}

// differences lists the certificates on which the stores disagree.
func differences(states []StoreState) []Difference {
	all := &certs.Set{}
	for _, s := range states {
		for c := range s.held.All() {
			all.Add(c, "")
		}
	}
	out := []Difference{}
	for c := range all.All() {
		d := Difference{Fingerprint: c.Fingerprint().String(), Subject: c.Subject()}
		for _, s := range states {
			if s.held.Has(c.Fingerprint()) {
				d.In = append(d.In, s.Path)
			} else {
				d.Missing = append(d.Missing, s.Path)
			}
		}
		if len(d.Missing) > 0 {
			out = append(out, d)
		}
	}
	return out
}

func (e *edit) installed() []Installed {
	out := []Installed{}
	for _, s := range e.record.Sources {
		n := 0
		for _, c := range e.record.Certificates {
			if slices.Contains(c.Sources, s.Name) {
				n++
			}
		}
		out = append(out, Installed{Source: s.Name, Set: s.Set, Certificates: n})
	}
	return out
}

// Trusted yields the certificates in the stores of a root, each once. A bundle
// that cannot be read is an error, and the sequence goes on.
func Trusted(root fs.ReadLinkFS) iter.Seq2[*certs.Certificate, error] {
	return func(yield func(*certs.Certificate, error) bool) {
		o, ok := root.(*rootfs.Overlay)
		if !ok {
			o = rootfs.NewOverlay(root)
		}
		seen := map[certs.Fingerprint]bool{}
		for _, name := range bundlePaths {
			data, err := o.ReadFile(name)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil && !yield(nil, err) {
				return
			}
			for c := range readPEM(data).certificates().All() {
				if !seen[c.Fingerprint()] && !yield(c, nil) {
					return
				}
				seen[c.Fingerprint()] = true
			}
		}
	}
}

// Reads reports whether a store may read the file at name, so that an image's
// other files need not be kept.
func Reads(name string) bool {
	for _, dir := range []string{"etc/ssl/", "etc/pki/", "etc/ca-certificates", "usr/share/ca-certificates/", "usr/local/share/ca-certificates/", "var/lib/ca-certificates/"} {
		if strings.HasPrefix(name, dir) {
			return true
		}
	}
	return slices.Contains(bundlePaths, name) || slices.Contains([]string{
		RecordPath, "etc/os-release", "usr/lib/os-release", "etc/alpine-release", debianTool,
	}, name)
}
