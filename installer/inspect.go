package installer

import (
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer/internal/distrusted"
	"github.com/certgraft/certgraft/internal/browser"
	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/keystore"
	"github.com/certgraft/certgraft/readers"
)

// Inspection is the trust of a root.
type Inspection struct {
	Distribution *Detection   `json:"distribution"`
	Stores       []StoreState `json:"stores"`
	Installed    []Installed  `json:"installed"`  // by certgraft, and not distrusted since
	Distrusted   []Taken      `json:"distrusted"` // by certgraft, and in no store
	Differences  []Difference `json:"differences"`
	Warnings     []string     `json:"warnings"`

	record *record
}

// Held returns the certificates that the stores of the root hold. The sources of each
// certificate in the set are the paths of its stores.
func (i *Inspection) Held() *certs.Set {
	set := &certs.Set{}
	for _, s := range i.Stores {
		for c := range s.All() {
			set.Add(c, s.Path)
		}
	}
	return set
}

// Recorded returns the certificates that certgraft installed and has not distrusted
// since.
func (i *Inspection) Recorded() []Recorded {
	var out []Recorded
	for _, c := range i.record.Certificates {
		if i.isDistrusted(c.Fingerprint) {
			continue
		}
		out = append(out, Recorded{Fingerprint: c.Fingerprint, Subject: c.Subject, Sources: c.Sources})
	}
	return out
}

// SourcesOf returns the sources of each installed certificate, by fingerprint.
func (i *Inspection) SourcesOf() map[string][]string {
	sources := map[string][]string{}
	for _, c := range i.record.Certificates {
		sources[c.Fingerprint] = c.Sources
	}
	return sources
}

// StoreState is the state of one file or directory from which programs read their CAs.
type StoreState struct {
	Path         string   `json:"path"`
	Aliases      []string `json:"aliases,omitzero"` // other paths that lead to Path
	Format       string   `json:"format"`
	Certificates int      `json:"certificates"`
	Expired      int      `json:"expired"`
	Expiring     int      `json:"expiring"`  // within 90 days
	Certgraft    int      `json:"certgraft"` // of them, installed by certgraft
	Problems     []string `json:"problems,omitzero"`

	held *certs.Set
}

// All yields each certificate of the store once, in the order of the store.
func (s StoreState) All() iter.Seq[*certs.Certificate] { return s.held.All() }

// Installed is one source from which certgraft installed certificates.
type Installed struct {
	Source       string `json:"source"`
	Set          string `json:"set"`
	Certificates int    `json:"certificates"`
}

// Difference is a certificate that is in some stores and missing in others.
type Difference struct {
	Fingerprint string   `json:"fingerprint"`
	Subject     string   `json:"subject"`
	In          []string `json:"in"`
	Missing     []string `json:"missing"`
}

// Recorded is a certificate in the record of certgraft. The stores may have lost it
// since.
type Recorded struct {
	Fingerprint string // as [certs.Fingerprint.String] writes it
	Subject     string
	Sources     []string // names, as in [Installed]
}

// ExpiresSoon is the time before its expiry from which a certificate counts as
// expiring.
const ExpiresSoon = 90 * 24 * time.Hour

// Inspect looks at the stores of a root and judges expiry at now. It also accepts a
// root that must not be edited.
func Inspect(root fs.ReadLinkFS, now time.Time, opt Options) (*Inspection, error) {
	e, err := lookAt(root, opt)
	if err != nil {
		return nil, err
	}
	detection := e.report.Detection
	out := &Inspection{Distribution: detection, Warnings: []string{}, record: e.record}
	if out.Stores, err = e.states(now); err != nil {
		return nil, err
	}
	if err := e.inspectAnchors(); err != nil {
		return nil, err
	}
	out.Differences = differences(out.Stores)
	if out.Distrusted, err = distrustedIn(e.root, out.Held()); err != nil {
		out.Warnings = append(out.Warnings, err.Error())
	}
	out.Installed = out.installed()
	if detection.hint != "" {
		out.Warnings = append(out.Warnings, fmt.Sprintf("%s keeps its trust in its configuration, and certgraft does not edit it: %s", detection.ID, detection.hint))
	}
	out.Warnings = append(out.Warnings, e.report.Warnings...)
	return out, nil
}

// ReaderState is a reader in a root, with the certificates that it loads.
type ReaderState struct {
	ID           string          `json:"id"` // as in docs/readers.md
	Name         string          `json:"name"`
	Release      string          `json:"release,omitzero"` // "" if unknown
	Path         string          `json:"path"`
	Reads        []string        `json:"reads"`             // its places that exist, and "built in"
	Variable     string          `json:"variable,omitzero"` // names a bundle, if the reader does not read the system's
	Certificates int             `json:"certificates"`      // loaded from Reads
	Problems     []ReaderProblem `json:"problems,omitzero"`
}

// String names the reader with its release.
func (s ReaderState) String() string { return strings.TrimSpace(s.Name + " " + s.Release) }

// ReaderProblem is the reason why a reader does not load certificates.
type ReaderProblem struct {
	Path string `json:"path"`
	Line int    `json:"line,omitzero"`
	Why  string `json:"why"`
	All  bool   `json:"all,omitzero"` // the reader loads nothing from the file
}

// String returns the place of the problem and the problem.
func (p ReaderProblem) String() string {
	at := p.Path
	if p.Line > 0 {
		at += fmt.Sprintf(", line %d", p.Line)
	}
	if p.All {
		return at + ": nothing is read: " + p.Why
	}
	return at + ": " + p.Why
}

// Readers finds the readers in a root and loads the certificates that each one reads.
func Readers(root fs.ReadLinkFS, opt Options) []ReaderState {
	all := []ReaderState{}
	o := overlayOf(root)
	for _, i := range readers.NewSearch(o, opt.Environ, pemfile.NewReader()).Readers() {
		held, damage := i.Load()
		s := ReaderState{ID: i.ID, Name: i.Title, Release: i.Release, Path: i.Path, Reads: append([]string{}, i.Stores()...), Certificates: held.Len()}
		for _, d := range damage {
			s.Problems = append(s.Problems, ReaderProblem{d.Path, d.Line, d.Why, d.All})
		}
		if !i.ReadsSystem() {
			if v := i.Reader.Remedy().Variable; v != nil {
				s.Variable = v.Name
			}
		}
		if len(s.Reads)+len(s.Problems) > 0 || s.Variable != "" {
			all = append(all, s)
		}
	}
	return append(all, (&edit{root: o, reader: pemfile.NewReader()}).browserStates()...)
}

// browserStates returns the browsers as readers of the CAs that their policies name.
func (e *edit) browserStates() (all []ReaderState) {
	for _, b := range browser.Find(e.root) {
		s := ReaderState{ID: "chromium", Name: b.Name, Path: b.Path}
		if !b.LoadsNSS() {
			s.ID = "firefox"
		}
		targets, err := browser.Policies(e.root, []browser.Browser{b}, "CACertificates", "Certificates", "Install")
		if err != nil {
			s.Problems = append(s.Problems, ReaderProblem{Path: b.Path, Why: err.Error()})
		}
		for _, t := range targets {
			e.policyState(&s, t)
		}
		s.Reads = append(s.Reads, "built in")
		all = append(all, s)
	}
	return all
}

// policyState adds the CAs that a browser reads from a file of policies.
func (e *edit) policyState(s *ReaderState, t browser.Target) {
	for _, passed := range t.Passed {
		name, why, _ := strings.Cut(passed, ": ")
		s.Problems = append(s.Problems, ReaderProblem{Path: name, Why: why, All: true})
	}
	data, there, _ := contentOf(e.root, t.Path)
	if !there {
		return
	}
	s.Reads = append(s.Reads, "/"+t.Path)
	f, err := policyFormat(t.Kind).open(e, "", t.Path, data)
	if err != nil {
		s.Problems = append(s.Problems, ReaderProblem{Path: "/" + t.Path, Why: err.Error(), All: true})
		return
	}
	s.Certificates += f.held().Len()
}

// DatabaseState is a database of NSS in a root. This package names it, and does not
// read or write it.
type DatabaseState struct {
	Path string `json:"path"`
	Whom string `json:"whom"` // its reader
}

// Lists returns the command that lists the database.
func (d DatabaseState) Lists() string { return "certutil -L -d sql:" + d.Path }

// Adds returns the command that adds a certificate. NAME and FILE stand for its name
// and file.
func (d DatabaseState) Adds() string {
	return "certutil -A -d sql:" + d.Path + " -t C,, -n NAME -i FILE"
}

// Databases looks for the databases of NSS in a root.
func Databases(root fs.ReadLinkFS) []DatabaseState {
	all := []DatabaseState{}
	for _, d := range browser.Databases(overlayOf(root)) {
		all = append(all, DatabaseState{d.Path, d.Whom})
	}
	return all
}

// Bundle returns the path of the file from which most programs in a root read
// their CAs, or "" if the root has none.
func Bundle(root fs.ReadLinkFS) string {
	return (&edit{root: overlayOf(root), bundlePaths: bundlePaths()}).bundleName()
}

// Trusted yields each certificate in the bundles of a root once. For a bundle that
// cannot be read it yields an error and continues.
func Trusted(root fs.ReadLinkFS) iter.Seq2[*certs.Certificate, error] {
	return (&edit{root: overlayOf(root), reader: pemfile.NewReader(), bundlePaths: bundlePaths()}).trusted()
}

// states looks at every bundle, every file that the environment or a configuration
// names, every Java trust store, and the directory of hash links.
func (e *edit) states(now time.Time) ([]StoreState, error) {
	bundles, err := e.bundleFiles()
	if err != nil {
		return nil, err
	}
	extra, err := e.extendable(append(e.namers(), e.configNamers()...), nil)
	if err != nil {
		return nil, err
	}
	states := []StoreState{}
	for _, name := range append(bundles, extra...) {
		data, err := e.root.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read a bundle: %w", err)
		}
		s := StoreState{Path: "/" + name, Format: "PEM bundle", Aliases: e.aliases(name)}
		file, err := e.reader.Open(data)
		for _, f := range file.Faults {
			loss := ": some programs lose certificates over it"
			if f.Fatal {
				loss = ": strict readers lose the whole file"
			}
			s.Problems = append(s.Problems, f.Why+loss)
		}
		if err != nil {
			s.Problems = append(s.Problems, err.Error())
		}
		states = append(states, e.judge(s, file.Held, now))
	}
	for _, name := range e.keystores() {
		s := StoreState{Path: "/" + name, held: &certs.Set{}}
		data, err := e.root.ReadFile(name)
		if err == nil {
			s, err = e.keystoreState(s, data)
		}
		if err != nil {
			s.Problems = append(s.Problems, err.Error())
		}
		states = append(states, e.judge(s, s.held, now))
	}
	if dir, ok, err := e.directoryState(); ok || err != nil {
		return append(states, e.judge(dir, dir.held, now)), err
	}
	return states, nil
}

// keystoreState reads a Java trust store.
func (e *edit) keystoreState(s StoreState, data []byte) (StoreState, error) {
	s.Format = "Java trust store"
	opened, err := keystore.Open(data, e.passwords()...)
	if err != nil {
		return s, err
	}
	s.Format, s.held = opened.Format(), certificatesOf(opened)
	if why := e.unread(strings.TrimPrefix(s.Path, "/")); why != "" {
		s.Problems = append(s.Problems, "it "+why)
	}
	return s, nil
}

// judge counts the certificates of a store.
func (e *edit) judge(s StoreState, held *certs.Set, now time.Time) StoreState {
	s.held, s.Certificates = held, held.Len()
	for c := range held.All() {
		switch {
		case now.After(c.NotAfter()):
			s.Expired++
		case now.Add(ExpiresSoon).After(c.NotAfter()):
			s.Expiring++
		}
		if e.record.cert(c.Fingerprint()) != nil {
			s.Certgraft++
		}
	}
	return s
}

// aliases returns the other known paths that lead to a bundle.
func (e *edit) aliases(name string) []string {
	var names []string
	for _, p := range e.bundlePaths {
		if p == name {
			continue
		}
		if real, err := e.root.Resolve(p); err == nil && real == name {
			names = append(names, "/"+p)
		}
	}
	return names
}

// directoryState looks at the hash links in /etc/ssl/certs. It returns false if no link
// leads to a certificate and none has a problem.
func (e *edit) directoryState() (StoreState, bool, error) {
	links, err := linksIn(e.root, certDir)
	if err != nil {
		return StoreState{}, false, err
	}
	s := StoreState{Path: "/" + certDir, Format: "hash links", held: &certs.Set{}}
	found := map[linkProblem][]string{}
	for _, name := range slices.Sorted(maps.Keys(links)) {
		if n, ok := parseHash(name); ok {
			for _, p := range e.linkProblems(name, n, s.held) {
				found[p] = append(found[p], name)
			}
		}
	}
	for p := range linkWords {
		if names := found[linkProblem(p)]; len(names) > 0 {
			s.Problems = append(s.Problems, some(names)+" "+linkWords[p][min(len(names)-1, 1)])
		}
	}
	return s, s.held.Len() > 0 || len(s.Problems) > 0, nil
}

// linkProblem is why OpenSSL does not find a certificate by a hash link.
type linkProblem int

const (
	dangling linkProblem = iota
	behindGap
	otherHash
)

// linkWords describe each problem, for one link and for several.
var linkWords = [][2]string{
	dangling:  {"leads nowhere", "lead nowhere"},
	behindGap: {"is not found: a number is missing before it", "are not found: a number is missing before them"},
	otherHash: {"leads to a certificate with another hash: OpenSSL does not find it", "lead to certificates with other hashes: OpenSSL does not find them"},
}

// linkProblems adds to held the certificates that OpenSSL finds by a hash link, and
// returns why it does not find the others. Links by the hash of OpenSSL before 1.0,
// which p11-kit also makes, are no problem: no program uses that hash now.
func (e *edit) linkProblems(name string, n hashName, held *certs.Set) (problems []linkProblem) {
	data, err := e.root.ReadFile(inCertDir(name))
	if err != nil {
		return []linkProblem{dangling}
	}
	blocks, _ := e.reader.Read(data)
	right := slices.DeleteFunc(slices.Clone(blocks), func(b pemfile.Block) bool { return b.Cert == nil || b.Cert.SubjectHash() != n.hash })
	old := func(b pemfile.Block) bool { return b.Cert != nil && b.Cert.SubjectHashOld() == n.hash }
	if len(right) == 0 && slices.ContainsFunc(blocks, old) {
		return nil
	}
	reachable := true
	for lower := range n.id {
		reachable = reachable && exists(e.root, inCertDir(hashName{n.hash, lower}.String()))
	}
	if !reachable {
		problems = append(problems, behindGap)
	}
	if len(right) == 0 {
		problems = append(problems, otherHash)
	}
	for _, b := range right {
		if reachable {
			held.Add(b.Cert, "")
		}
	}
	return problems
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

// installed counts the certificates of each source. A source whose certificates are all
// distrusted is left out.
func (i *Inspection) installed() []Installed {
	out := []Installed{}
	for _, s := range i.record.Sources {
		all, n := 0, 0
		for _, c := range i.record.Certificates {
			if slices.Contains(c.Sources, s.Name) {
				all++
				if !i.isDistrusted(c.Fingerprint) {
					n++
				}
			}
		}
		if n > 0 || all == 0 {
			out = append(out, Installed{Source: s.Name, Set: s.Set, Certificates: n})
		}
	}
	return out
}

func (i *Inspection) isDistrusted(fingerprint string) bool {
	return slices.ContainsFunc(i.Distrusted, func(t Taken) bool { return t.Fingerprint == fingerprint })
}

// distrustedIn returns the certificates that [Distrust] took out of a root and that no
// store has back.
func distrustedIn(root fs.FS, held *certs.Set) ([]Taken, error) {
	all := []Taken{}
	kept, err := distrusted.Read(root)
	if err != nil {
		return all, err
	}
	for _, c := range kept.Certificates {
		if f, err := certs.ParseFingerprint(c.Fingerprint); err != nil || held.Has(f) {
			continue
		}
		all = append(all, Taken{Fingerprint: c.Fingerprint, Subject: c.Subject, From: append([]string{}, c.From...)})
	}
	return all, nil
}
