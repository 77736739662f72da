// Package recorded keeps the part of certgraft's record that describes one file with
// certificates, so that an edit finds the certificates that certgraft added, and no
// others.
//
// A [File] has a [Place] for each added certificate. [File.Standing] finds the
// certificates that still stand at their places. [File.Settle] records their places
// after an edit.
package recorded

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/pemfile"
)

// File is the history of a file with certificates, which its content does not show.
type File struct {
	Path   string   `json:"path"`
	Added  []Place  `json:"added,omitempty"`
	Held   []string `json:"held,omitempty"`   // in the file before installation, added by a person
	Shared []string `json:"shared,omitempty"` // in the file before installation, from someone's anchor
	Made   []string `json:"made,omitempty"`   // in a file of policies, the path of the new member
	Head   int      `json:"head,omitempty"`   // bytes before the first certificate, when one was added
	SHA256 string   `json:"sha256,omitempty"` // of the file as this program left it, if Held has entries
	Size   int      `json:"size,omitempty"`
}

// Place is the position of an added certificate in a file.
type Place struct {
	Fingerprint string   `json:"fingerprint"`
	Behind      []string `json:"behind,omitempty"` // certificates before it, the nearest first, see [Mark]
	Gap         int      `json:"gap,omitempty"`    // bytes between the two
	Above       string   `json:"above,omitempty"`  // digest of the comment above the nearest, which stays when that certificate goes
	Alias       string   `json:"alias,omitempty"`  // in a keystore
}

// Put records the place of a certificate, instead of an earlier place.
func (f *File) Put(p Place) {
	f.Added = slices.DeleteFunc(f.Added, func(old Place) bool { return old.Fingerprint == p.Fingerprint })
	f.Added = append(f.Added, p)
	f.Held = slices.DeleteFunc(f.Held, func(print string) bool { return print == p.Fingerprint })
}

// PlaceOf returns the place of a certificate, if known.
func (f *File) PlaceOf(print certs.Fingerprint) (Place, bool) {
	text := print.String()
	i := slices.IndexFunc(f.Added, func(p Place) bool { return p.Fingerprint == text })
	if i < 0 {
		return Place{}, false
	}
	return f.Added[i], true
}

// Standing returns the certificates that stand at their places, each with the index of
// its copy, from 0. If someone began the file anew, it returns none.
func (f *File) Standing(copies []pemfile.Copy) map[certs.Fingerprint]int {
	stands, count := map[certs.Fingerprint]int{}, map[certs.Fingerprint]int{}
	if f.IsAnew(copies) {
		return stands
	}
	for _, c := range copies {
		print := c.Cert.Fingerprint()
		if at, known := f.PlaceOf(print); known && IsAt(at, c, copies) && c.Exact() {
			stands[print] = count[print]
		}
		count[print]++
	}
	return stands
}

// IsAnew reports whether someone began the file anew: other text stands before its
// first certificate. The comment of a certificate that was removed before the first one
// does not count.
func (f *File) IsAnew(copies []pemfile.Copy) bool {
	if len(copies) == 0 {
		return false
	}
	first := copies[0]
	return first.Gap < f.Head || first.Gap > f.Head && !first.Plain
}

// IsAt reports whether a copy stands at a place. It must follow the same certificate.
// If that certificate is gone, it must follow the one before, with nothing between
// except the comment of the missing one.
func IsAt(at Place, c pemfile.Copy, all []pemfile.Copy) bool {
	direct := ""
	if c.Behind != nil {
		direct = Mark(c.Behind.Fingerprint())
	}
	if len(at.Behind) == 0 {
		return direct == "" && c.Gap == at.Gap
	}
	if direct == at.Behind[0] {
		return c.Gap == at.Gap
	}
	for _, print := range at.Behind {
		there := func(o pemfile.Copy) bool { // ignore one that a person moved behind c
			return (o.Plain || o.Start() < c.Start()) && Mark(o.Cert.Fingerprint()) == print
		}
		if slices.ContainsFunc(all, there) {
			left := c.Plain || at.Above != "" && at.Above == Digest(c.Text)[:16]
			return left && print == direct && print != at.Behind[0]
		}
	}
	return false
}

// Settle records the present places of certificates, after an earlier neighbour has
// gone or come back.
func (f *File) Settle(stands map[certs.Fingerprint]int, copies []pemfile.Copy) {
	if len(stands) > 0 && len(copies) > 0 {
		f.Head = copies[0].Gap
	}
	count := map[certs.Fingerprint]int{}
	for i, c := range copies {
		print := c.Cert.Fingerprint()
		if n, ok := stands[print]; ok && n == count[print] {
			f.Put(Place{Fingerprint: print.String(), Behind: LastOf(copies, i), Gap: c.Gap, Above: Above(copies, i)})
		}
		count[print]++
	}
}

// Follow records the present places of added certificates after others were put back
// before them, and reports whether a place changed.
func (f *File) Follow(before, after []pemfile.Copy) (moved bool) {
	which := map[certs.Fingerprint]int{} // number of the copy, from 1, by certificate
	if len(before) == 0 || before[0].Gap != f.Head {
		return false
	}
	numbered(before, func(_ int, c pemfile.Copy, n int) {
		if at, known := f.PlaceOf(c.Cert.Fingerprint()); known && c.Exact() && IsAt(at, c, before) {
			which[c.Cert.Fingerprint()] = n
		}
	})
	numbered(after, func(i int, c pemfile.Copy, n int) {
		was, known := f.PlaceOf(c.Cert.Fingerprint())
		now := Place{Fingerprint: was.Fingerprint, Behind: LastOf(after, i), Gap: c.Gap}
		if known && which[c.Cert.Fingerprint()] == n && (!slices.Equal(was.Behind, now.Behind) || was.Gap != now.Gap) {
			f.Put(now)
			moved = true
		}
	})
	if len(which) > 0 && f.Head != after[0].Gap {
		f.Head, moved = after[0].Gap, true
	}
	return moved
}

// numbered calls visit with each copy and its number among the copies of its
// certificate, from 1.
func numbered(copies []pemfile.Copy, visit func(i int, c pemfile.Copy, n int)) {
	count := map[certs.Fingerprint]int{}
	for i, c := range copies {
		count[c.Cert.Fingerprint()]++
		visit(i, c, count[c.Cert.Fingerprint()])
	}
}

// Predecessors is the number of certificates before one that a place records, since
// someone may remove the nearest.
const Predecessors = 3

// LastOf returns the marks of the last certificates before copy i.
func LastOf(copies []pemfile.Copy, i int) (prints []string) {
	for _, c := range slices.Backward(copies[max(0, i-Predecessors):i]) {
		prints = append(prints, Mark(c.Cert.Fingerprint()))
	}
	return prints
}

// Above returns the digest of the comment above the last certificate before copy i, or
// "".
func Above(copies []pemfile.Copy, i int) string {
	if i == 0 || copies[i-1].Plain {
		return ""
	}
	return Digest(copies[i-1].Text)[:16]
}

// Mark returns enough of a fingerprint to tell the certificates of a file apart.
func Mark(print certs.Fingerprint) string { return print.String()[:16] }

// Hold records that the file had a certificate before installation.
func (f *File) Hold(print certs.Fingerprint) {
	if !slices.Contains(f.Held, print.String()) {
		f.Held = append(f.Held, print.String())
	}
}

// Share records that the file had a certificate before from someone's anchor.
func (f *File) Share(print certs.Fingerprint) {
	if !slices.Contains(f.Shared, print.String()) {
		f.Shared = append(f.Shared, print.String())
	}
}

// ShareHeld moves certificates that came from someone's anchor from Held to Shared.
func (f *File) ShareHeld(anchored map[certs.Fingerprint]bool) {
	f.Held = slices.DeleteFunc(f.Held, func(text string) bool {
		print, err := certs.ParseFingerprint(text)
		if err == nil && anchored[print] {
			f.Share(print)
		}
		return err == nil && anchored[print]
	})
}

// Left records the file as this program left it, if Held has entries: only then
// [File.AsLeft] matters.
func (f *File) Left(data []byte) {
	if len(f.Held) > 0 {
		f.SHA256, f.Size = Digest(data), len(data)
	}
}

// AsLeft reports whether a file begins with the content that this program left.
func (f *File) AsLeft(data []byte) bool {
	return f.SHA256 != "" && f.Size <= len(data) && Digest(data[:max(f.Size, 0)]) == f.SHA256
}

// Digest identifies the content of a file.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
