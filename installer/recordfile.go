package installer

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/pemfile"
)

// recordedFile is what cannot be seen in a file that holds certificates.
type recordedFile struct {
	Path   string   `json:"path"`
	Added  []placed `json:"added,omitempty"`
	Held   []string `json:"held,omitempty"`   // was there before it was installed, by someone's hand
	Shared []string `json:"shared,omitempty"` // the same, of someone's anchor
	Made   []string `json:"made,omitempty"`   // of a file of policies: the member that was missing, by its path
	Head   int      `json:"head,omitempty"`   // bytes before the first certificate, when one was put there
	SHA256 string   `json:"sha256,omitempty"` // of the file as this program left it, where it held something
	Size   int      `json:"size,omitempty"`
}

// placed is where in a file a certificate was put.
type placed struct {
	Fingerprint string   `json:"fingerprint"`
	Behind      []string `json:"behind,omitempty"` // those before it, the nearest first, see [mark]
	Gap         int      `json:"gap,omitempty"`    // bytes between the two
	Above       string   `json:"above,omitempty"`  // digest of a comment above the nearest, which is left when that goes
	Alias       string   `json:"alias,omitempty"`  // in a keystore
}

// place enters where a certificate was put, in place of what was known.
func (f *recordedFile) place(p placed) {
	f.Added = slices.DeleteFunc(f.Added, func(old placed) bool { return old.Fingerprint == p.Fingerprint })
	f.Added = append(f.Added, p)
	f.Held = slices.DeleteFunc(f.Held, func(print string) bool { return print == p.Fingerprint })
}

// placeOf returns where a certificate was put, if that is known.
func (f *recordedFile) placeOf(print certs.Fingerprint) (placed, bool) {
	text := print.String()
	i := slices.IndexFunc(f.Added, func(p placed) bool { return p.Fingerprint == text })
	if i < 0 {
		return placed{}, false
	}
	return f.Added[i], true
}

// standing returns what stands where it was put: by certificate, which of its
// copies, counted from 0. Nothing does where someone began the file anew.
func (f *recordedFile) standing(copies []pemfile.Copy) map[certs.Fingerprint]int {
	stands, count := map[certs.Fingerprint]int{}, map[certs.Fingerprint]int{}
	if f.isAnew(copies) {
		return stands
	}
	for _, c := range copies {
		print := c.Cert.Fingerprint()
		if at, known := f.placeOf(print); known && isAt(at, c, copies) && c.Exact() {
			stands[print] = count[print]
		}
		count[print]++
	}
	return stands
}

// isAnew reports whether someone began the file anew: its first certificate stands
// behind another text. What sets a certificate apart can be left of one that was
// taken out before it.
func (f *recordedFile) isAnew(copies []pemfile.Copy) bool {
	if len(copies) == 0 {
		return false
	}
	first := copies[0]
	return first.Gap < f.Head || first.Gap > f.Head && !first.Plain
}

// isAt reports whether a copy stands where one was put: behind the same
// certificate, or, where that is gone from there, behind the one before, with
// nothing between but the comment of the one that is gone.
func isAt(at placed, c pemfile.Copy, all []pemfile.Copy) bool {
	direct := ""
	if c.Behind != nil {
		direct = mark(c.Behind.Fingerprint())
	}
	if len(at.Behind) == 0 {
		return direct == "" && c.Gap == at.Gap
	}
	if direct == at.Behind[0] {
		return c.Gap == at.Gap
	}
	for _, print := range at.Behind {
		there := func(o pemfile.Copy) bool { // one that a hand put behind has moved
			return (o.Plain || o.Start() < c.Start()) && mark(o.Cert.Fingerprint()) == print
		}
		if slices.ContainsFunc(all, there) {
			left := c.Plain || at.Above != "" && at.Above == digest(c.Text)[:16]
			return left && print == direct && print != at.Behind[0]
		}
	}
	return false
}

// settle notes where that is now: what it stood behind has gone, or has come back.
func (f *recordedFile) settle(stands map[certs.Fingerprint]int, copies []pemfile.Copy) {
	if len(stands) > 0 && len(copies) > 0 {
		f.Head = copies[0].Gap
	}
	count := map[certs.Fingerprint]int{}
	for i, c := range copies {
		print := c.Cert.Fingerprint()
		if n, ok := stands[print]; ok && n == count[print] {
			f.place(placed{Fingerprint: print.String(), Behind: lastOf(copies, i), Gap: c.Gap, Above: above(copies, i)})
		}
		count[print]++
	}
}

// predecessors is how many certificates before one are recorded: someone may take
// the nearest out.
const predecessors = 3

// lastOf returns the fingerprints of the last certificates before copy i.
func lastOf(copies []pemfile.Copy, i int) (prints []string) {
	for _, c := range slices.Backward(copies[max(0, i-predecessors):i]) {
		prints = append(prints, mark(c.Cert.Fingerprint()))
	}
	return prints
}

// above returns the digest of a comment above the last certificate before copy i, ""
// where that has none.
func above(copies []pemfile.Copy, i int) string {
	if i == 0 || copies[i-1].Plain {
		return ""
	}
	return digest(copies[i-1].Text)[:16]
}

// mark is as much of a fingerprint as tells certificates of a file apart.
func mark(print certs.Fingerprint) string { return print.String()[:16] }

// hold enters that a certificate was there before it was installed.
func (f *recordedFile) hold(print certs.Fingerprint) {
	if !slices.Contains(f.Held, print.String()) {
		f.Held = append(f.Held, print.String())
	}
}

// share enters that someone's anchor had put a certificate there before.
func (f *recordedFile) share(print certs.Fingerprint) {
	if !slices.Contains(f.Shared, print.String()) {
		f.Shared = append(f.Shared, print.String())
	}
}

// shareHeld says of what was there before that someone's anchor had put it there.
func (f *recordedFile) shareHeld(anchored map[certs.Fingerprint]bool) {
	f.Held = slices.DeleteFunc(f.Held, func(text string) bool {
		print, err := certs.ParseFingerprint(text)
		if err == nil && anchored[print] {
			f.share(print)
		}
		return err == nil && anchored[print]
	})
}

// left enters how this program left a file, where that is going to be asked.
func (f *recordedFile) left(data []byte) {
	if len(f.Held) > 0 {
		f.SHA256, f.Size = digest(data), len(data)
	}
}

// asLeft reports whether a file begins with what this program left.
func (f *recordedFile) asLeft(data []byte) bool {
	return f.SHA256 != "" && f.Size <= len(data) && digest(data[:max(f.Size, 0)]) == f.SHA256
}

// digest identifies the content of a file.
func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
