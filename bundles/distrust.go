package bundles

import (
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed" // the lists
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/lines"
	"github.com/certgraft/certgraft/internal/order"
)

// Distrust is a named list of CAs that others distrust, with the reason.
type Distrust struct {
	Name         string           `json:"name"` // @NAME on the command line
	Title        string           `json:"title"`
	Since        string           `json:"since"`          // date
	After        string           `json:"after,omitzero"` // RFC 3339; certificates issued until then stay trusted
	Why          string           `json:"why"`            // a sentence without its full stop
	Certificates []Known          `json:"certificates"`   // by their fingerprint
	Keys         []DistrustedKey  `json:"keys,omitzero"`  // in any certificate
	Evidence     DistrustEvidence `json:"evidence,omitzero"`
}

// DistrustedKey is a distrusted public key.
type DistrustedKey struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"` // of the DER of the SubjectPublicKeyInfo
}

// DistrustEvidence says why a list is reliable.
type DistrustEvidence struct {
	Date       string   `json:"date"`       // day of the check
	Confidence string   `json:"confidence"` // high, medium or low
	Sources    []string `json:"sources"`
	Notes      string   `json:"notes,omitzero"`
}

// AllDistrusted is the name of all lists without a date in After.
const AllDistrusted = "all"

// Distrusted holds the lists in this program, and those of the files in the
// options of [Distrusts].
type Distrusted struct {
	Date  string // day of the last check of the lists in this program
	lists []*Distrust
	certs map[certs.Fingerprint]*Distrust
	keys  map[certs.Fingerprint]*Distrust // by SHA-256 of the key
}

// distrustData is distrust.json in the format of [lines].
//
//go:embed distrust.lines
var distrustData string

// builtinDistrust returns the lists in this program, and the day of their
// check.
func builtinDistrust() (date string, lists []*Distrust) {
	var file struct {
		Date  string
		Lists []*Distrust
	}
	lines.Unmarshal(distrustData, &file)
	return file.Date, file.Lists
}

// Distrusts returns the lists in this program and those of the files in
// opt.Catalog. The error wraps [ErrRefused] if a file is invalid.
func Distrusts(ctx context.Context, opt Options) (*Distrusted, error) {
	date, lists := builtinDistrust()
	d := &Distrusted{Date: date, certs: map[certs.Fingerprint]*Distrust{}, keys: map[certs.Fingerprint]*Distrust{}}
	if err := d.add(lists); err != nil {
		return nil, err
	}
	for _, name := range opt.Catalog {
		file, err := readCatalogFile(ctx, name)
		if err == nil {
			err = refusedList(name, d.add(file.Distrust))
		}
		if err != nil {
			return nil, err
		}
	}
	order.Sort(d.lists, func(a, b *Distrust) int { return cmp.Compare(a.Name, b.Name) })
	return d, nil
}

// refusedList adds the file's name to the error of a list in a catalogue file.
func refusedList(name string, err error) error {
	if err == nil {
		return nil
	}
	return hint.Add(refusedf("%s: %w", name, err), "correct the list, whose form docs/distrust.md shows, or leave the file out (--catalog, CERTGRAFT_CATALOG)")
}

// add adds lists. If several have a certificate, the first is reported.
func (d *Distrusted) add(lists []*Distrust) error {
	for _, l := range lists {
		if err := l.check(); err != nil {
			return err
		}
		if d.named(l.Name) != nil {
			return fmt.Errorf("list %q: the name is taken", l.Name)
		}
		l.plain()
		d.lists = append(d.lists, l)
		for _, c := range l.Certificates {
			enter(d.certs, c.SHA256, l)
		}
		for _, k := range l.Keys {
			enter(d.keys, k.SHA256, l)
		}
	}
	return nil
}

// enter notes the list of a digest. A list without a date wins over one with a
// date.
func enter(by map[certs.Fingerprint]*Distrust, digest string, l *Distrust) {
	f, _ := certs.ParseFingerprint(digest) // add has checked it
	if was := by[f]; was == nil || was.After != "" && l.After == "" {
		by[f] = l
	}
}

func (d *Distrusted) named(name string) *Distrust {
	i := slices.IndexFunc(d.lists, func(l *Distrust) bool { return l.Name == name })
	if i < 0 {
		return nil
	}
	return d.lists[i]
}

// Of returns the list with a certificate or its key, or nil.
func (d *Distrusted) Of(c *certs.Certificate) *Distrust {
	byKey := d.keys[sha256.Sum256([]byte(c.PublicKey()))]
	if byCert := d.certs[c.Fingerprint()]; byCert != nil && (byKey == nil || byKey.After != "") {
		return byCert
	}
	return byKey
}

// OfKey returns the list with a key, or nil. digest is the SHA-256 of the key's
// SubjectPublicKeyInfo.
func (d *Distrusted) OfKey(digest string) *Distrust {
	f, err := certs.ParseFingerprint(digest)
	if err != nil {
		return nil
	}
	return d.keys[f]
}

// Find returns the lists with a name, with or without "@". [AllDistrusted]
// gives all lists without a date. The error wraps [ErrUsage].
func (d *Distrusted) Find(name string) ([]*Distrust, error) {
	name = strings.TrimPrefix(name, "@")
	if name == AllDistrusted {
		return slices.DeleteFunc(slices.Clone(d.lists), func(l *Distrust) bool { return l.After != "" }), nil
	}
	if l := d.named(name); l != nil {
		return []*Distrust{l}, nil
	}
	names := []string{"@" + AllDistrusted}
	for _, l := range d.lists {
		names = append(names, "@"+l.Name)
	}
	return nil, hint.Add(usagef("there is no list @%s", name), "the lists are "+strings.Join(names, ", "))
}

// Said returns the message to the user about a certificate in the list.
func (l *Distrust) Said() string {
	if l.After != "" {
		return l.Why + " (@" + l.Name + ")"
	}
	return "distrusted since " + l.Since + ": " + l.Why + " (@" + l.Name + ")"
}

// check refuses an invalid list.
func (l *Distrust) check() error {
	if l == nil {
		return errors.New("a list is null")
	}
	if err := cmp.Or(l.checkWords(), l.checkDigests()); err != nil {
		return fmt.Errorf("list %q: %w", l.Name, err)
	}
	return nil
}

func (l *Distrust) checkWords() error {
	switch {
	case !isID(l.Name) || l.Name == AllDistrusted:
		return errors.New("the name must be lower-case letters, digits and single dashes, and not all")
	case l.Title == "" || l.Why == "":
		return errors.New("title and why must be there")
	}
	if _, err := time.Parse(time.DateOnly, l.Since); err != nil {
		return fmt.Errorf("since %q is no date", l.Since)
	}
	if _, err := time.Parse(time.RFC3339, l.After); l.After != "" && err != nil {
		return fmt.Errorf("after %q is no time as 2026-01-02T15:04:05Z", l.After)
	}
	return nil
}

func (l *Distrust) checkDigests() error {
	if len(l.Certificates)+len(l.Keys) == 0 {
		return errors.New("it names no certificate and no key")
	}
	for _, c := range l.Certificates {
		if !isSHA256(certs.PlainFingerprint(c.SHA256)) {
			return fmt.Errorf("certificate %q: %q is no SHA-256: it has 64 hexadecimal digits, with colons or without", c.Name, c.SHA256)
		}
	}
	for _, k := range l.Keys {
		if !isSHA256(certs.PlainFingerprint(k.SHA256)) {
			return fmt.Errorf("key %q: %q is no SHA-256: it has 64 hexadecimal digits, with colons or without", k.Name, k.SHA256)
		}
	}
	return nil
}

// plain writes the digests without colons and capitals. A person may have copied
// them from openssl.
func (l *Distrust) plain() {
	for i := range l.Certificates {
		l.Certificates[i].SHA256 = certs.PlainFingerprint(l.Certificates[i].SHA256)
	}
	for i := range l.Keys {
		l.Keys[i].SHA256 = certs.PlainFingerprint(l.Keys[i].SHA256)
	}
}
