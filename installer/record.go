package installer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer/internal/recorded"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/order"
	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/rootfs"
)

// RecordPath is the file in a root that says what certgraft installed there.
const RecordPath = "usr/local/share/certgraft/installed.json"

// recordVersion is the schema that this program reads and writes.
const recordVersion = 2

// record is the content of the file at [RecordPath]. It has no dates and is sorted: the
// same installation gives the same bytes.
type record struct {
	Version      int              `json:"version"`
	Certificates []recordedCert   `json:"certificates"`
	Sources      []recordedSource `json:"sources"`
	Stores       []recordedStore  `json:"stores"`
	Files        []recorded.File  `json:"files,omitempty"`
	Directories  []string         `json:"directories,omitempty"` // made by certgraft
	Environment  []SetVariable    `json:"environment,omitempty"` // in the config of the image, by certgraft patch

	places  map[string]int // index in Certificates, by fingerprint
	indexed int            // length of Certificates when places was made

	old map[certs.Fingerprint]bool // recorded before this run; true if install added it to a store
}

// SetVariable is an environment variable that certgraft patch set in the config of an
// image.
type SetVariable struct {
	Name  string  `json:"name"`
	Value string  `json:"value"`
	Prior *string `json:"prior,omitzero"` // the value before; nil if it was not set
}

// NoteEnviron records variables that were set in the config of the root's image, so
// that [Remove] can say what to undo. The record keeps the value from before a variable
// was first set.
func NoteEnviron(root *rootfs.Overlay, set []SetVariable) error {
	if len(set) == 0 {
		return nil
	}
	r, err := readRecord(root)
	if err != nil {
		return err
	}
	for _, v := range set {
		i := slices.IndexFunc(r.Environment, func(old SetVariable) bool { return old.Name == v.Name })
		if i < 0 {
			r.Environment = append(r.Environment, v)
			continue
		}
		r.Environment[i].Value = v.Value
	}
	return r.write(root)
}

// RecordedSources returns the names of the sources in the record of root.
func RecordedSources(root fs.FS) ([]string, error) {
	r, err := readRecord(root)
	if err != nil {
		return nil, err
	}
	return r.sourceNames(), nil
}

func (r *record) sourceNames() []string {
	var names []string
	for _, s := range r.Sources {
		names = append(names, s.Name)
	}
	return names
}

// recordedCert is a certificate that was installed. A certificate in a store does not
// show who added it: Stores names the stores to which certgraft added it.
type recordedCert struct {
	Fingerprint string   `json:"fingerprint"`
	Subject     string   `json:"subject"`
	Sources     []string `json:"sources"`
	Stores      []string `json:"stores"` // as NAME or NAME:/FILE, without stores that had it before
}

// recordedSource is a source by its public name, with the digest of its set.
type recordedSource struct {
	Name string `json:"name"`
	Set  string `json:"set"`
}

// recordedStore is the changes to a store besides added certificates.
type recordedStore struct {
	Name    string   `json:"name"`
	Created []string `json:"created,omitempty"` // new files and links
	Repairs []repair `json:"repairs,omitempty"` // for one file in the order of the repairs
	// Replaced has the links in whose place ours stand: they led nowhere, or were
	// missing before other links.
	Replaced []replacedLink `json:"replaced,omitempty"`
}

// replacedLink is a link that ours replaced. Target is "" where no link existed.
type replacedLink struct {
	Path   string `json:"path"`
	Target string `json:"target"`
}

// repair is one step of the changes that made a file readable for programs. When
// nothing of certgraft is left in the file, the steps are undone, the last one first.
// They stay if someone else has changed the file.
type repair struct {
	Path   string        `json:"path"`
	SHA256 string        `json:"sha256"` // of the repaired file without added certificates
	Cuts   []pemfile.Cut `json:"cuts"`
}

// readRecord returns the record of a root. It is empty if the root has none.
func readRecord(root fs.FS) (*record, error) {
	data, err := fs.ReadFile(root, RecordPath)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &record{Version: recordVersion}, nil
	case err != nil:
		return nil, fmt.Errorf("read the record: %w", err)
	}
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, hint.Add(fmt.Errorf("the record /%s is damaged: %w", RecordPath, err), "restore it from the image, or delete it: the installed CAs stay, and certgraft no longer knows them as its own")
	}
	if r.Version > recordVersion {
		return nil, hint.Add(fmt.Errorf("the record /%s has version %d, this program reads up to %d", RecordPath, r.Version, recordVersion), "use the version of certgraft that wrote it, or a newer one")
	}
	r.Version = recordVersion // fields that an older version lacks are unknown
	r.old = map[certs.Fingerprint]bool{}
	for _, c := range r.Certificates {
		if f, err := certs.ParseFingerprint(c.Fingerprint); err == nil {
			r.old[f] = len(c.Stores) > 0
		}
	}
	return &r, nil
}

// write writes the record into the root. If nothing is left to record, it deletes the
// file.
func (r *record) write(o *rootfs.Overlay) error {
	if len(r.Certificates) == 0 && !slices.ContainsFunc(r.Stores, func(s recordedStore) bool { return len(s.Created) > 0 }) {
		return r.erase(o)
	}
	if err := makeDirs(o, r, path.Dir(RecordPath)); err != nil {
		return err
	}
	r.sort()
	if r.Certificates == nil {
		r.Certificates, r.Sources = []recordedCert{}, []recordedSource{}
	}
	if r.Stores == nil {
		r.Stores = []recordedStore{} // [] in JSON, as after deleting stores
	}
	data, err := r.encode()
	if err != nil {
		return err
	}
	return o.WriteFile(RecordPath, data, 0o644)
}

func (r *record) encode() ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(r); err != nil {
		return nil, fmt.Errorf("encode the record: %w", err)
	}
	return buf.Bytes(), nil
}

// clone returns a copy that shares nothing with r.
func (r *record) clone() (*record, error) {
	data, err := r.encode()
	if err != nil {
		return nil, err
	}
	c := record{old: r.old}
	return &c, json.Unmarshal(data, &c)
}

// erase removes the record, and the directories that certgraft made if they are empty.
func (r *record) erase(o *rootfs.Overlay) error {
	if err := o.Remove(RecordPath); err != nil {
		return err
	}
	for _, dir := range slices.Backward(slices.Sorted(slices.Values(r.Directories))) {
		if entries, err := o.ReadDir(dir); err != nil || len(entries) > 0 {
			continue
		}
		if err := o.Remove(dir); err != nil {
			return err
		}
	}
	return nil
}

func (r *record) sort() {
	for i := range r.Certificates {
		slices.Sort(r.Certificates[i].Sources)
		slices.Sort(r.Certificates[i].Stores)
	}
	order.Sort(r.Certificates, func(a, b recordedCert) int { return cmp.Compare(a.Fingerprint, b.Fingerprint) })
	r.indexed = 0
	order.Sort(r.Sources, func(a, b recordedSource) int { return cmp.Compare(a.Name, b.Name) })
	r.Stores = slices.DeleteFunc(r.Stores, func(s recordedStore) bool { return len(s.Created) == 0 && len(s.Repairs) == 0 && len(s.Replaced) == 0 })
	order.Sort(r.Stores, func(a, b recordedStore) int { return cmp.Compare(a.Name, b.Name) })
	for i := range r.Stores {
		slices.Sort(r.Stores[i].Created)
		order.Sort(r.Stores[i].Replaced, func(a, b replacedLink) int { return cmp.Compare(a.Path, b.Path) })
		order.Stable(r.Stores[i].Repairs, func(a, b repair) int { return cmp.Compare(a.Path, b.Path) })
	}
	r.sortFiles()
	order.Sort(r.Environment, func(a, b SetVariable) int { return cmp.Compare(a.Name, b.Name) })
	slices.Sort(r.Directories)
	r.Directories = slices.Compact(r.Directories)
}

// cert returns the entry of a certificate, or nil.
func (r *record) cert(f certs.Fingerprint) *recordedCert {
	if r.places == nil || r.indexed != len(r.Certificates) {
		r.index()
	}
	i, ok := r.places[f.String()]
	if !ok {
		return nil
	}
	return &r.Certificates[i]
}

// index fills places. cert calls it again when the number of certificates has changed.
func (r *record) index() {
	r.places, r.indexed = make(map[string]int, len(r.Certificates)), len(r.Certificates)
	for i, c := range slices.Backward(r.Certificates) {
		r.places[c.Fingerprint] = i
	}
}

// note records that c came from source.
func (r *record) note(c *certs.Certificate, source string) {
	entry := r.cert(c.Fingerprint())
	if entry == nil {
		fingerprint := c.Fingerprint().String()
		r.places[fingerprint] = len(r.Certificates)
		r.Certificates = append(r.Certificates, recordedCert{Fingerprint: fingerprint, Subject: c.Subject(), Stores: []string{}})
		r.indexed = len(r.Certificates)
		entry = &r.Certificates[len(r.Certificates)-1]
	}
	if !slices.Contains(entry.Sources, source) {
		entry.Sources = append(entry.Sources, source)
	}
}

// added records that c was added to store.
func (r *record) added(c *certs.Certificate, store string) {
	if entry := r.cert(c.Fingerprint()); entry != nil && !slices.Contains(entry.Stores, store) {
		entry.Stores = append(entry.Stores, store)
	}
}

// in returns the fingerprints of the certificates that were added to store.
func (r *record) in(store string) map[certs.Fingerprint]bool {
	set := map[certs.Fingerprint]bool{}
	for _, c := range r.Certificates {
		if f, err := certs.ParseFingerprint(c.Fingerprint); err == nil && slices.Contains(c.Stores, store) {
			set[f] = true
		}
	}
	return set
}

// claims returns the fingerprints of the certificates that were added to a file, for
// any store.
func (r *record) claims(name string) map[certs.Fingerprint]bool {
	set := map[certs.Fingerprint]bool{}
	for _, c := range r.Certificates {
		claimed := slices.ContainsFunc(c.Stores, func(s string) bool {
			return strings.HasSuffix(s, storeOf("", name)) && strings.Index(s, ":/") == len(s)-len(name)-2
		})
		if f, err := certs.ParseFingerprint(c.Fingerprint); err == nil && claimed {
			set[f] = true
		}
	}
	return set
}

// files returns the files of store that the record names.
func (r *record) files(store string) []string {
	var names []string
	for _, c := range r.Certificates {
		for _, s := range c.Stores {
			if name, ok := strings.CutPrefix(s, store+":/"); ok {
				names = append(names, name)
			}
		}
	}
	for _, repair := range r.store(store).Repairs {
		names = append(names, repair.Path)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// knows reports whether the record names store.
func (r *record) knows(store string) bool {
	return len(r.in(store)) > 0 || len(r.files(store)) > 0 || len(r.store(store).Created) > 0
}

// store returns the entry of a store, and makes a missing one.
func (r *record) store(name string) *recordedStore {
	i := slices.IndexFunc(r.Stores, func(s recordedStore) bool { return s.Name == name })
	if i < 0 {
		r.Stores = append(r.Stores, recordedStore{Name: name})
		i = len(r.Stores) - 1
	}
	return &r.Stores[i]
}

// file returns the entry of a file, and makes a missing one.
func (r *record) file(name string) *recorded.File {
	i := slices.IndexFunc(r.Files, func(f recorded.File) bool { return f.Path == name })
	if i < 0 {
		r.Files = append(r.Files, recorded.File{Path: name})
		i = len(r.Files) - 1
	}
	return &r.Files[i]
}

func (r *record) sortFiles() {
	r.Files = slices.DeleteFunc(r.Files, func(f recorded.File) bool { return len(f.Added) == 0 && len(f.Held) == 0 && len(f.Shared) == 0 })
	order.Sort(r.Files, func(a, b recorded.File) int { return cmp.Compare(a.Path, b.Path) })
	for i := range r.Files {
		f := &r.Files[i]
		order.Sort(f.Added, func(a, b recorded.Place) int { return cmp.Compare(a.Fingerprint, b.Fingerprint) })
		slices.Sort(f.Held)
		slices.Sort(f.Shared)
		if len(f.Held) == 0 {
			f.SHA256, f.Size = "", 0
		}
	}
}

// forgetFiles drops the places of certificates that are gone.
func (r *record) forgetFiles(gone map[certs.Fingerprint]bool) {
	isGone := func(print string) bool {
		f, err := certs.ParseFingerprint(print)
		return err != nil || gone[f]
	}
	for i := range r.Files {
		f := &r.Files[i]
		f.Added = slices.DeleteFunc(f.Added, func(p recorded.Place) bool { return isGone(p.Fingerprint) })
		f.Held = slices.DeleteFunc(f.Held, isGone)
		f.Shared = slices.DeleteFunc(f.Shared, isGone)
	}
}

// setSource records the set of a source.
func (r *record) setSource(name, set string) {
	r.Sources = slices.DeleteFunc(r.Sources, func(s recordedSource) bool { return s.Name == name })
	r.Sources = append(r.Sources, recordedSource{name, set})
}

// create records a new file or link.
func (s *recordedStore) create(name string) {
	if !slices.Contains(s.Created, name) {
		s.Created = append(s.Created, name)
	}
}

// repair applies steps to a file that held data, and records them. They follow the
// recorded steps if those led to data; else they replace them.
func (s *recordedStore) repair(name string, data []byte, steps [][]pemfile.Cut) []byte {
	if before := s.repairs(name); len(steps) > 0 && len(before) > 0 && before[len(before)-1].SHA256 != recorded.Digest(data) {
		s.forget(name)
	}
	for _, cuts := range steps {
		data = pemfile.Patch(data, cuts)
		s.Repairs = append(s.Repairs, repair{name, recorded.Digest(data), cuts})
	}
	return data
}

// repairs returns the steps of a file, in order.
func (s *recordedStore) repairs(name string) []repair {
	return slices.DeleteFunc(slices.Clone(s.Repairs), func(r repair) bool { return r.Path != name })
}

func (s *recordedStore) forget(name string) {
	s.Repairs = slices.DeleteFunc(s.Repairs, func(r repair) bool { return r.Path == name })
}

// makeDirs makes a directory and its parents, and records the new ones.
func makeDirs(o *rootfs.Overlay, r *record, dir string) error {
	real, err := o.Resolve(dir)
	if err != nil {
		return err
	}
	for missing := real; missing != "."; missing = path.Dir(missing) {
		if _, err := o.Lstat(missing); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		if !slices.Contains(r.Directories, missing) {
			r.Directories = append(r.Directories, missing)
		}
	}
	return o.MkdirAll(real, 0o755)
}

// storeOf returns the name in the record of one file of a store that has several.
func storeOf(store, name string) string { return store + ":/" + name }
