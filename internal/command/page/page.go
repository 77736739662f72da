// Package page writes the HTML report of certgraft inspect: one file that a
// browser shows without asking for anything from elsewhere.
//
// Start with [Root] or [File], which gather what the page shows, and call
// [Page.Render] for its bytes.
package page

import (
	"strings"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
)

// Page is what a page shows, of a root or of a file.
type Page struct {
	title    string
	about    []string // what was looked at, and how
	now      time.Time
	all      *certs.Set
	stores   []store
	warnings []string

	root      bool // the rest is of a root
	readers   []installer.ReaderState
	databases []installer.DatabaseState
	disputes  []dispute
	sources   []source
	recorded  map[certs.Fingerprint][]string // sources of what certgraft installed
}

// store is one store, or the file, and what it holds.
type store struct {
	path, format      string
	aliases, problems []string
	certs             []*certs.Certificate
}

// dispute is all the certificates that the same stores have and have not.
type dispute struct {
	in, missing []string
	certs       []*certs.Certificate
}

// source is what certgraft installed from one source.
type source struct {
	name, set string
	certs     []*certs.Certificate
	lost      []string // subjects of those that no store holds
}

// File returns the page of a file of certificates, in which problems were found.
func File(path string, set *certs.Set, problems []string, now time.Time) *Page {
	return &Page{
		title: "What " + path + " holds", about: []string{"pin @set:" + set.Digest()}, now: now, all: set,
		stores: []store{{path: path, format: "file", problems: problems, certs: byName(set.All())}},
	}
}

// Root returns the page of what was found in the root file system in dir.
func Root(dir string, found *installer.Inspection, now time.Time) *Page {
	p := &Page{
		title: "What " + dir + " trusts", now: now, all: found.Held(), warnings: found.Warnings,
		root: true, recorded: map[certs.Fingerprint][]string{},
	}
	if dir == "/" {
		p.title = "What this system trusts"
	}
	d := found.Distribution
	if d.Name != "" {
		p.about = append(p.about, d.Name)
	}
	p.about = append(p.about, d.Family+" family: "+d.Rule)
	for _, s := range found.Stores {
		p.stores = append(p.stores, store{path: s.Path, format: s.Format, aliases: s.Aliases, problems: s.Problems, certs: byName(s.All())})
	}
	p.addDisputes(found.Differences)
	p.addSources(found)
	return p
}

// Image adds which image of which platform the root is of.
func (p *Page) Image(digest, platform string) *Page {
	p.about = append([]string{digest, platform}, p.about...)
	return p
}

// Readers adds who reads the stores of the root, and the databases that nobody has read.
func (p *Page) Readers(all []installer.ReaderState, databases []installer.DatabaseState) *Page {
	p.readers, p.databases = all, databases
	return p
}

// addDisputes groups the certificates by the stores that have them.
func (p *Page) addDisputes(all []installer.Difference) {
	index := map[string]int{}
	for _, d := range all {
		key := strings.Join(d.In, "\x00") + "\x00\x00" + strings.Join(d.Missing, "\x00")
		i, ok := index[key]
		if !ok {
			i = len(p.disputes)
			index[key] = i
			p.disputes = append(p.disputes, dispute{in: d.In, missing: d.Missing})
		}
		p.disputes[i].certs = append(p.disputes[i].certs, p.get(d.Fingerprint))
	}
}

// addSources tells what certgraft installed from where.
func (p *Page) addSources(found *installer.Inspection) {
	index := map[string]int{}
	for i, s := range found.Installed {
		index[s.Source] = i
		p.sources = append(p.sources, source{name: s.Source, set: s.Set})
	}
	for _, r := range found.Recorded() {
		cert := p.get(r.Fingerprint)
		if cert != nil {
			p.recorded[cert.Fingerprint()] = r.Sources
		}
		for _, name := range r.Sources {
			i, ok := index[name]
			switch {
			case !ok: // a record that others have edited
			case cert == nil:
				p.sources[i].lost = append(p.sources[i].lost, r.Subject)
			default:
				p.sources[i].certs = append(p.sources[i].certs, cert)
			}
		}
	}
}

// get returns the certificate with that fingerprint that a store holds, or nil.
func (p *Page) get(fingerprint string) *certs.Certificate {
	f, err := certs.ParseFingerprint(fingerprint)
	if err != nil {
		return nil
	}
	return p.all.Get(f)
}
