// Package recorded is what the record of certgraft says of one file that holds
// certificates, so that what was put there is found again, and nothing else.
//
// A [File] has a [Place] for each certificate that was put there. [File.Standing] finds
// those that stand there still, and [File.Settle] notes where they are after an edit.
package recorded

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/pemfile"
)

// File is what cannot be seen in a file that holds certificates.
type File struct {
	Path   string   `json:"path"`
	Added  []Place  `json:"added,omitempty"`
	Held   []string `json:"held,omitempty"`   // was there before it was installed, by someone's hand
	Shared []string `json:"shared,omitempty"` // the same, of someone's anchor
	Made   []string `json:"made,omitempty"`   // of a file of policies: the member that was missing, by its path
	Head   int      `json:"head,omitempty"`   // bytes before the first certificate, when one was put there
	SHA256 string   `json:"sha256,omitempty"` // of the file as this program left it, where it held something
	Size   int      `json:"size,omitempty"`
}

// Place is where in a file a certificate was put.
type Place struct {
	Fingerprint string   `json:"fingerprint"`
	Behind      []string `json:"behind,omitempty"` // those before it, the nearest first, see [Mark]
	Gap         int      `json:"gap,omitempty"`    // bytes between the two
	Above       string   `json:"above,omitempty"`  // digest of a comment above the nearest, which is left when that goes
	Alias       string   `json:"alias,omitempty"`  // in a keystore
}

// Put enters where a certificate was put, in place of what was known.
func (f *File) Put(p Place) {
	f.Added = slices.DeleteFunc(f.Added, func(old Place) bool { return old.Fingerprint == p.Fingerprint })
	f.Added = append(f.Added, p)
	f.Held = slices.DeleteFunc(f.Held, func(print string) bool { return print == p.Fingerprint })
}

// PlaceOf returns where a certificate was put, if that is known.
func (f *File) PlaceOf(print certs.Fingerprint) (Place, bool) {
	text := print.String()
	i := slices.IndexFunc(f.Added, func(p Place) bool { return p.Fingerprint == text })
	if i < 0 {
		return Place{}, false
	}
	return f.Added[i], true
}

// Standing returns what stands where it was put: by certificate, which of its
// copies, counted from 0. Nothing does where someone began the file anew.
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

// IsAnew reports whether someone began the file anew: its first certificate stands
// behind another text. What sets a certificate apart can be left of one that was
// taken out before it.
func (f *File) IsAnew(copies []pemfile.Copy) bool {
	if len(copies) == 0 {
		return false
	}
	first := copies[0]
	return first.Gap < f.Head || first.Gap > f.Head && !first.Plain
}

// IsAt reports whether a copy stands where one was put: behind the same
// certificate, or, where that is gone from there, behind the one before, with
// nothing between but the comment of the one that is gone.
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
		there := func(o pemfile.Copy) bool { // one that a hand put behind has moved
			return (o.Plain || o.Start() < c.Start()) && Mark(o.Cert.Fingerprint()) == print
		}
		if slices.ContainsFunc(all, there) {
			left := c.Plain || at.Above != "" && at.Above == Digest(c.Text)[:16]
			return left && print == direct && print != at.Behind[0]
		}
	}
	return false
}

// Settle notes where that is now: what it stood behind has gone, or has come back.
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

// Follow notes where what was put is now that others stand before it again, and
// reports whether that is another place.
func (f *File) Follow(before, after []pemfile.Copy) (moved bool) {
	which := map[certs.Fingerprint]int{} // of the copies of one certificate, from 1
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

// numbered calls visit with each copy, and how many of its certificate it makes.
func numbered(copies []pemfile.Copy, visit func(i int, c pemfile.Copy, n int)) {
	count := map[certs.Fingerprint]int{}
	for i, c := range copies {
		count[c.Cert.Fingerprint()]++
		visit(i, c, count[c.Cert.Fingerprint()])
	}
}

// Predecessors is how many certificates before one are recorded: someone may take
// the nearest out.
const Predecessors = 3

// LastOf returns the fingerprints of the last certificates before copy i.
func LastOf(copies []pemfile.Copy, i int) (prints []string) {
	for _, c := range slices.Backward(copies[max(0, i-Predecessors):i]) {
		prints = append(prints, Mark(c.Cert.Fingerprint()))
	}
	return prints
}

// Above returns the digest of a comment above the last certificate before copy i, ""
// where that has none.
func Above(copies []pemfile.Copy, i int) string {
	if i == 0 || copies[i-1].Plain {
		return ""
	}
	return Digest(copies[i-1].Text)[:16]
}

// Mark is as much of a fingerprint as tells certificates of a file apart.
func Mark(print certs.Fingerprint) string { return print.String()[:16] }

// Hold enters that a certificate was there before it was installed.
func (f *File) Hold(print certs.Fingerprint) {
	if !slices.Contains(f.Held, print.String()) {
		f.Held = append(f.Held, print.String())
	}
}

// Share enters that someone's anchor had put a certificate there before.
func (f *File) Share(print certs.Fingerprint) {
	if !slices.Contains(f.Shared, print.String()) {
		f.Shared = append(f.Shared, print.String())
	}
}

// ShareHeld says of what was there before that someone's anchor had put it there.
func (f *File) ShareHeld(anchored map[certs.Fingerprint]bool) {
	f.Held = slices.DeleteFunc(f.Held, func(text string) bool {
		print, err := certs.ParseFingerprint(text)
		if err == nil && anchored[print] {
			f.Share(print)
		}
		return err == nil && anchored[print]
	})
}

// Left enters how this program left a file, where that is going to be asked.
func (f *File) Left(data []byte) {
	if len(f.Held) > 0 {
		f.SHA256, f.Size = Digest(data), len(data)
	}
}

// AsLeft reports whether a file begins with what this program left.
func (f *File) AsLeft(data []byte) bool {
	return f.SHA256 != "" && f.Size <= len(data) && Digest(data[:max(f.Size, 0)]) == f.SHA256
}

// Digest identifies the content of a file.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
