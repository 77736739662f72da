// Package distrusted keeps the data that certgraft distrust took out of a root, so that
// it can be given back.
//
// Start with [Read]. A [Record] has the requests, and a [Change] for each name of the
// root that they changed. [Cut] takes certificates out of a file. [Restore] puts them
// back, whatever others did to the file since.
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

// Path is the file in a root that records distrusted certificates.
const Path = "usr/local/share/certgraft/distrusted.json"

// version is the schema that this program reads and writes.
const version = 1

// Record is the content of the file at [Path]. It has no dates and is sorted: the same
// edit gives the same bytes.
type Record struct {
	Version      int           `json:"version"`
	Asked        []Asked       `json:"distrusted"`
	Certificates []Certificate `json:"certificates"` // found in the root
	Changes      []Change      `json:"changes"`
	Directories  []string      `json:"directories,omitempty"` // made by certgraft
	Bundle       bool          `json:"bundle,omitempty"`      // the bundle was as the distribution's tool makes it
	Links        bool          `json:"links,omitempty"`       // the links were as the tool makes them
}

// Certificate is a certificate that was taken out.
type Certificate struct {
	Fingerprint string   `json:"fingerprint"`
	Subject     string   `json:"subject"`
	From        []string `json:"from"` // files
}

// Asked is a certificate or a key to distrust.
type Asked struct {
	Certificate string `json:"certificate,omitempty"` // SHA-256
	Key         string `json:"key,omitempty"`         // SHA-256 of its SubjectPublicKeyInfo
	Name        string `json:"name,omitempty"`        // for people
	Why         string `json:"why,omitempty"`
}

// Same reports whether both name the same certificate or key.
func (a Asked) Same(b Asked) bool { return a.Certificate == b.Certificate && a.Key == b.Key }

// Is reports whether a names the certificate c or its key.
func (a Asked) Is(c *certs.Certificate) bool {
	return a.Certificate != "" && a.Certificate == c.Fingerprint().String() || a.Key != "" && a.Key == keyDigest(c)
}

func keyDigest(c *certs.Certificate) string {
	sum := sha256.Sum256([]byte(c.PublicKey()))
	return hex.EncodeToString(sum[:])
}

// Change is one changed name of the root, with the data to undo the change.
type Change struct {
	Path        string `json:"path"`
	Certificate string `json:"certificate,omitempty"` // the certificate at Path before
	Ours        bool   `json:"ours,omitempty"`        // certgraft install had added it
	Explained   bool   `json:"explained,omitempty"`   // a tool had made it from an anchor

	File    *File    `json:"file,omitempty"`    // the file before, if it is gone or Made replaced it
	Link    *Link    `json:"link,omitempty"`    // the link before and after
	Made    string   `json:"made,omitempty"`    // SHA-256 of a new file, or of an edited file of policies
	Lines   []string `json:"lines,omitempty"`   // deselected lines
	Pieces  []Piece  `json:"pieces,omitempty"`  // cut out of the file
	Entries []Entry  `json:"entries,omitempty"` // cut out of a Java trust store
}

// Entry is an entry that was cut out of a Java trust store.
type Entry struct {
	keystore.Piece

	Certificate string `json:"certificate"`
	Ours        bool   `json:"ours,omitempty"`
	Explained   bool   `json:"explained,omitempty"`
}

// File is the earlier state of a file.
type File struct {
	Mode uint32 `json:"mode"`
	UID  int    `json:"uid,omitempty"`
	GID  int    `json:"gid,omitempty"`
	Data []byte `json:"data"`
}

// Link is the targets of a link before and after; "" means no link.
type Link struct {
	Was string `json:"was,omitempty"`
	Now string `json:"now,omitempty"`
}

// New returns an empty record.
func New() *Record {
	return &Record{Version: version, Asked: []Asked{}, Certificates: []Certificate{}, Changes: []Change{}}
}

// Read returns the record of a root. It is empty if the root has none.
func Read(root fs.FS) (*Record, error) {
	data, err := fs.ReadFile(root, Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return New(), nil
	case err != nil:
		return nil, fmt.Errorf("read the record of distrusted CAs: %w", err)
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
			return nil, hint.Add(fmt.Errorf("the record /%s is damaged: %q is not a path", Path, c.Path), "restore it from the image, or delete it: the distrusted CAs stay out, and --undo cannot give them back")
		}
	}
	return &r, nil
}

// Encode returns the content of the file.
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
		return nil, fmt.Errorf("encode the record of distrusted CAs: %w", err)
	}
	return buf.Bytes(), nil
}
