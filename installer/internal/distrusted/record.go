// Package distrusted keeps what was taken out of a root because nobody is to trust
// it there, so that it can be given back.
//
// Start with [Read]. A [Record] says what was asked for, and has a [Change] for each
// name of the root that was changed for it. [Cut] takes certificates out of a file
// and [Restore] puts them back, whatever others did to the file meanwhile.
package distrusted

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/order"
	"github.com/certgraft/certgraft/keystore"
)

// Path is where a root says what is distrusted in it.
const Path = "usr/local/share/certgraft/distrusted.json"

// version is the schema that this program reads and writes.
const version = 1

// Record is the content of the file at [Path]. It has no dates and is sorted, so that
// the same edit gives the same bytes.
type Record struct {
	Version      int           `json:"version"`
	Asked        []Asked       `json:"distrusted"`
	Certificates []Certificate `json:"certificates"` // that were in the root
	Changes      []Change      `json:"changes"`
	Directories  []string      `json:"directories,omitempty"` // made by certgraft
	Bundle       bool          `json:"bundle,omitempty"`      // the bundle was as the distribution's tool makes it
	Links        bool          `json:"links,omitempty"`       // the same of the links
}

// Certificate is one that was taken out.
type Certificate struct {
	Fingerprint string   `json:"fingerprint"`
	Subject     string   `json:"subject"`
	From        []string `json:"from"` // files
}

// Asked is a certificate or a key that is not to be trusted.
type Asked struct {
	Certificate string `json:"certificate,omitempty"` // SHA-256
	Key         string `json:"key,omitempty"`         // SHA-256 of its SubjectPublicKeyInfo
	Name        string `json:"name,omitempty"`        // for people
	Why         string `json:"why,omitempty"`
}

// Same reports whether both are the same certificate or key.
func (a Asked) Same(b Asked) bool { return a.Certificate == b.Certificate && a.Key == b.Key }

// Is reports whether a certificate is what was asked for.
func (a Asked) Is(c *certs.Certificate) bool {
	return a.Certificate != "" && a.Certificate == c.Fingerprint().String() || a.Key != "" && a.Key == keyDigest(c)
}

func keyDigest(c *certs.Certificate) string {
	sum := sha256.Sum256([]byte(c.PublicKey()))
	return hex.EncodeToString(sum[:])
}

// Change is what one name of the root was, and became.
type Change struct {
	Path        string `json:"path"`
	Certificate string `json:"certificate,omitempty"` // that was there
	Ours        bool   `json:"ours,omitempty"`        // certgraft install had put it there
	Explained   bool   `json:"explained,omitempty"`   // a tool had made it of an anchor

	File    *File    `json:"file,omitempty"`    // that was there and is not
	Link    *Link    `json:"link,omitempty"`    // that was there, or is
	Made    string   `json:"made,omitempty"`    // SHA-256 of a file that was not there
	Lines   []string `json:"lines,omitempty"`   // that were deselected
	Pieces  []Piece  `json:"pieces,omitempty"`  // that were cut out
	Entries []Entry  `json:"entries,omitempty"` // the same, of a Java trust store
}

// Entry is an entry that was cut out of a Java trust store.
type Entry struct {
	keystore.Piece

	Certificate string `json:"certificate"`
	Ours        bool   `json:"ours,omitempty"`
	Explained   bool   `json:"explained,omitempty"`
}

// File is a file as it was.
type File struct {
	Mode uint32 `json:"mode"`
	UID  int    `json:"uid,omitempty"`
	GID  int    `json:"gid,omitempty"`
	Data []byte `json:"data"`
}

// Link is where a link led and leads; "" where there was or is none.
type Link struct {
	Was string `json:"was,omitempty"`
	Now string `json:"now,omitempty"`
}

// New returns a record of nothing.
func New() *Record {
	return &Record{Version: version, Asked: []Asked{}, Certificates: []Certificate{}, Changes: []Change{}}
}

// Read returns the record of a root, an empty one where there is none.
func Read(root fs.FS) (*Record, error) {
	data, err := fs.ReadFile(root, Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return New(), nil
	case err != nil:
		return nil, fmt.Errorf("read what is distrusted: %w", err)
	}
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, hint.Add(fmt.Errorf("the record /%s is damaged: %w", Path, err), "restore it from the image, or delete it: the distrusted CAs stay out, and --undo cannot give them back")
	}
	if r.Version > version {
		return nil, hint.Add(fmt.Errorf("the record /%s has version %d, this program reads up to %d", Path, r.Version, version), "use the version of certgraft that wrote it, or a newer one")
	}
	for _, c := range r.Changes {
		if !fs.ValidPath(c.Path) {
			return nil, hint.Add(fmt.Errorf("the record /%s is damaged: %q is no path", Path, c.Path), "restore it from the image, or delete it: the distrusted CAs stay out, and --undo cannot give them back")
		}
	}
	return &r, nil
}

// Encode returns the file.
func (r *Record) Encode() ([]byte, error) {
	order.Sort(r.Asked, func(a, b Asked) int {
		return cmp.Or(cmp.Compare(a.Certificate, b.Certificate), cmp.Compare(a.Key, b.Key))
	})
	order.Sort(r.Certificates, func(a, b Certificate) int { return cmp.Compare(a.Fingerprint, b.Fingerprint) })
	order.Sort(r.Changes, func(a, b Change) int { return cmp.Compare(a.Path, b.Path) })
	slices.Sort(r.Directories)
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(r); err != nil {
		return nil, fmt.Errorf("encode what is distrusted: %w", err)
	}
	return buf.Bytes(), nil
}
