package installer

import (
	"slices"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer/internal/recorded"
	"github.com/certgraft/certgraft/internal/pemfile"
)

// withdrawal is the removal of certificates without a source from one file.
type withdrawal struct {
	*edit
	name    string
	gone    map[certs.Fingerprint]bool
	why     explanation // the remaining sources; nil if the store has none of its own
	made    bool        // a tool makes the file from these sources
	claimed bool        // only recorded certificates are the tool's or this program's
	file    *recorded.File
	ours    map[certs.Fingerprint]bool // certificates that the record says were added
}

func (e *edit) withdrawal(name string, gone map[certs.Fingerprint]bool) *withdrawal {
	return &withdrawal{edit: e, name: name, gone: gone, file: e.record.file(name), ours: e.record.claims(name)}
}

// of marks the withdrawal as one from a file that a tool makes from the sources in why.
func (w *withdrawal) of(why explanation) *withdrawal {
	w.why, w.made = why, true
	return w
}

// copies returns a PEM file without the copies to remove.
func (w *withdrawal) copies(data []byte, as pemfile.Style) []byte {
	return w.copiesBehind(0, data, as)
}

// copiesBehind is copies for copies behind an offset.
func (w *withdrawal) copiesBehind(offset int, data []byte, as pemfile.Style) []byte {
	all := w.reader.Copies(data, as)
	by := map[certs.Fingerprint][]pemfile.Copy{}
	var order []certs.Fingerprint
	for _, c := range all {
		if f := c.Cert.Fingerprint(); w.gone[f] && c.Start() >= offset {
			if by[f] == nil {
				order = append(order, f)
			}
			by[f] = append(by[f], c)
		}
	}
	var cut []pemfile.Copy
	for _, f := range order {
		if c, ok := w.pick(by[f], all, data); ok {
			cut = append(cut, c)
		}
	}
	return as.Without(data, cut)
}

// pick returns the copy of one certificate to remove, if any. It names a certificate
// that stays.
func (w *withdrawal) pick(copies, all []pemfile.Copy, data []byte) (pemfile.Copy, bool) {
	f := copies[0].Cert.Fingerprint()
	mine := w.mine(copies, all)
	if _, ok := w.why[f]; ok {
		w.stay(f, w.why[f])
		if mine < 0 || len(copies) == 1 {
			return pemfile.Copy{}, false
		}
		return copies[mine], true
	}
	held := slices.Contains(w.file.Held, f.String())
	switch {
	case held && w.made && (w.file.AsLeft(data) || w.claimed):
		w.stay(f, "it was in /"+w.name+" before it was installed")
		return pemfile.Copy{}, false
	case len(copies) == 1 && slices.Contains(w.file.Shared, f.String()):
		w.stay(f, "someone else had it in /"+w.name+" too, and the file was rewritten since")
		return pemfile.Copy{}, false
	case mine < 0 && w.made && (w.ours[f] || !w.claimed):
		mine = w.toolsOwn(copies, all)
	}
	switch {
	case mine < 0 && w.ours[f]:
		w.stay(f, "/"+w.name+" was rewritten since it was installed")
	case mine < 0:
		w.stay(f, "someone else put it into /"+w.name)
	case len(copies) > 1:
		w.stay(f, "someone else has it in /"+w.name+" too")
	}
	if mine < 0 {
		return pemfile.Copy{}, false
	}
	return copies[mine], true
}

// takes reports whether to remove a certificate from a file in which its copies are all
// alike. It names a certificate that stays.
func (w *withdrawal) takes(c *certs.Certificate) bool {
	f := c.Fingerprint()
	why, explained := w.why[f]
	switch {
	case !w.gone[f]:
		return false
	case explained:
		w.stay(f, why)
	case !w.made && !w.ours[f]:
		w.stay(f, "someone else put it into /"+w.name)
	default:
		return true
	}
	return false
}

// mine returns the index of the copy that stands unchanged where this program wrote it,
// or -1.
func (w *withdrawal) mine(copies, all []pemfile.Copy) int {
	f := copies[0].Cert.Fingerprint()
	if !w.ours[f] {
		return -1
	}
	at, known := w.file.PlaceOf(f)
	if known && w.file.IsAnew(all) {
		return -1
	}
	for i, c := range slices.Backward(copies) {
		if c.Exact() && (!known && c.Gap == 0 || known && recorded.IsAt(at, c, all)) {
			return i
		}
	}
	return -1
}

// toolsOwn returns the first copy that looks as a tool writes it, in a file that begins
// as the tool begins it: its first certificate stands right behind the head of the
// file.
func (w *withdrawal) toolsOwn(copies, all []pemfile.Copy) int {
	if w.file.IsAnew(all) {
		return -1
	}
	return slices.IndexFunc(copies, func(c pemfile.Copy) bool {
		return (c.Gap == 0 || c.Behind == nil && c.Gap == w.file.Head) && c.Exact()
	})
}

// stay notes why a certificate stays. The first of several reasons counts.
func (e *edit) stay(f certs.Fingerprint, why string) {
	if e.stays == nil {
		e.stays = map[certs.Fingerprint]string{}
	}
	if _, ok := e.stays[f]; !ok {
		e.stays[f] = why
	}
}
