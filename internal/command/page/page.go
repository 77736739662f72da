// Package page writes the HTML report of certgraft inspect: one file that a
// browser shows without loading anything else.
//
// Start with [Root] or [File], which gather the content of the page. Then call
// [Page.Render] for its bytes.
package page

import (
	"slices"
	"strings"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
)

// Page is the content of a page, about a root or a file.
type Page struct {
	title    string
	about    []string // what was inspected, and how
	now      time.Time
	all      *certs.Set
	stores   []store
	warnings []string

	root      bool // the fields below belong to a root
	readers   []installer.ReaderState
	databases []installer.DatabaseState
	disputes  []dispute
	sources   []source
	recorded  map[certs.Fingerprint][]string // the sources of what certgraft installed

	distrusted []string // subjects of the CAs that certgraft took out
}

// store is one store, or the file, with its certificates.
type store struct {
	path, format      string
	aliases, problems []string
	certs             []*certs.Certificate
}

// dispute is the certificates that the same stores have and the same stores lack.
type dispute struct {
	in, missing []string
	certs       []*certs.Certificate
}

// source is the certificates that certgraft installed from one source.
type source struct {
	name, set string
	certs     []*certs.Certificate
	lost      []string // subjects of the certificates that no store holds
}

// File returns the page of a file of certificates. Problems are the faults of the
// file.
func File(path string, set *certs.Set, problems []string, now time.Time) *Page {
	return &Page{
		title: "What " + path + " holds", about: []string{"pin @set:" + set.Digest()}, now: now, all: set,
		stores: []store{{path: path, format: "file", problems: problems, certs: byName(set.All())}},
	}
}

// Root returns the page of the root in dir. Found is the result of its inspection.
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
	for _, t := range found.Distrusted {
		p.distrusted = append(p.distrusted, t.Subject)
	}
	slices.Sort(p.distrusted)
	return p
}

// Image adds the digest and platform of the image that the root belongs to.
func (p *Page) Image(digest, platform string) *Page {
	p.about = append([]string{digest, platform}, p.about...)
	return p
}

// Readers adds the readers of the root, and the databases that certgraft does not
// read.
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

// addSources lists what certgraft installed, by source.
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
			case !ok: // another program has edited the record
			case cert == nil:
				p.sources[i].lost = append(p.sources[i].lost, r.Subject)
			default:
				p.sources[i].certs = append(p.sources[i].certs, cert)
			}
		}
	}
}

// get returns the certificate with that fingerprint from any store, or nil.
func (p *Page) get(fingerprint string) *certs.Certificate {
	f, err := certs.ParseFingerprint(fingerprint)
	if err != nil {
		return nil
	}
	return p.all.Get(f)
}
