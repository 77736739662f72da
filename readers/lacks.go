package readers

import (
	"path"
	"slices"

	"github.com/certgraft/certgraft/certs"
)

// Lacks returns the certificates of want that the reader does not load, and the
// damage that causes it. known is false if none of the reader's places exists. It
// reads only the files that it needs.
func (i Instance) Lacks(want []*certs.Certificate) (missing []*certs.Certificate, damage []Damage, known bool) {
	g := &gathering{Instance: i, blind: true}
	var wide []place // directories that the reader reads whole
	for _, p := range i.row.places(i.at) {
		if p.read.each != nil && len(i.names(p)) > 0 {
			wide = append(wide, p)
			g.stocks = append(g.stocks, g.bundlesIn(p))
			g.blind = false
			continue
		}
		if !g.add(p) {
			return want, g.damage, true
		}
	}
	if missing = g.lacks(want); len(missing) > 0 && len(wide) > 0 {
		for _, p := range wide {
			g.add(p)
		}
		missing = g.lacks(missing)
	}
	return missing, g.damage, !g.blind || i.Reader.Remedy().Variable != nil
}

// bundlesIn takes certificates from the regular files of a directory, such as a
// bundle among hash links. It skips links, which saves reading hundreds of
// anchors.
func (g *gathering) bundlesIn(p place) stock {
	return func(name subject) (all []entry) {
		for _, dir := range g.names(p) {
			entries, err := g.files.root.ReadDir(dir)
			if err != nil {
				continue
			}
			for _, e := range entries {
				if e.Type().IsRegular() {
					all = append(all, g.files.shelf(*p.read.each, path.Join(dir, e.Name())).named(name)...)
				}
			}
		}
		return all
	}
}

// lacks returns the certificates that no place has.
func (g *gathering) lacks(want []*certs.Certificate) (missing []*certs.Certificate) {
	for _, c := range want {
		if !g.holds(c) {
			missing = append(missing, c)
		}
	}
	return missing
}

// holds reports whether a certificate is in one of the places.
func (g *gathering) holds(c *certs.Certificate) bool {
	name := subject{c.SubjectHash(), c.SubjectHashOld()}
	return slices.ContainsFunc(g.stocks, func(take stock) bool {
		return slices.ContainsFunc(take(name), func(e entry) bool { return e.cert.Fingerprint() == c.Fingerprint() })
	})
}
