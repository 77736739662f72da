package installer

import (
	"fmt"
	"slices"

	"github.com/certgraft/certgraft/certs"
)

// mozillaSource is the name under which the Mozilla roots are recorded.
const mozillaSource = "mozilla"

// beginBundle returns the certificates to install in a root that may have no bundle
// yet. With --with-mozilla, the Mozilla roots come first. Without it, beginBundle warns
// what the first bundle of a root does.
func (e *edit) beginBundle(want []wanted) ([]wanted, error) {
	first, err := e.hasNoBundle()
	e.first = first
	switch {
	case err != nil || len(want) == 0:
		return want, err
	case !first && e.opt.WithMozilla && isPublic(e.bundleHolds(e.bundleName())):
		e.tell("this root has a bundle, to which --with-mozilla adds nothing")
	case !first && e.opt.WithMozilla:
		e.tell("this root has a bundle, to which --with-mozilla adds nothing: for the public CAs install the source %s", mozillaSource)
	case first && e.opt.WithMozilla:
		return append(e.mozilla(), want...), nil
	case first && !isPublic(setOf(want)):
		had := "no bundle of CAs"
		if name := e.bundleName(); name != "" {
			had = "no CA in its bundle, " + name + ","
		}
		e.warn("this root had %s and now trusts only %s; programs that fall back on built-in roots stop using them: for the public CAs install the source %s too", had, these(len(want)), mozillaSource)
	}
	return want, nil
}

// withoutMozilla returns the sources without the Mozilla roots if a package of the
// distribution maintains the public CAs. Our own anchor would keep a root that Mozilla
// drops after the package has removed it.
func (e *edit) withoutMozilla(sources []Source) []Source {
	isMozilla := func(s Source) bool { return s.Name == mozillaSource }
	if !slices.ContainsFunc(sources, isMozilla) || !e.hasPublicPackage() {
		return sources
	}
	e.tell("%s adds nothing: a package of this distribution looks after the public CAs in %s, and takes out those that lose trust; update the package for newer ones", mozillaSource, e.bundleName())
	return slices.DeleteFunc(slices.Clone(sources), isMozilla)
}

// hasPublicPackage reports whether a package maintains the public CAs of the root, and
// its tool makes the bundle.
func (e *edit) hasPublicPackage() bool {
	for _, row := range stores {
		if row.part == system && row.store.name() != (bundleStore{}).name() && row.store.used(e) {
			return isPublic(e.bundleHolds(e.bundleName()))
		}
	}
	return false
}

// hasNoBundle reports whether the root has no bundle, and no anchors to make one from.
func (e *edit) hasNoBundle() (bool, error) {
	files, err := e.bundleFiles()
	if err != nil || slices.ContainsFunc(files, e.holdsText) {
		return false, err
	}
	links, err := linksIn(e.root, certDir)
	if err != nil {
		return false, err
	}
	for name := range links {
		if isHash(name) {
			return false, nil // OpenSSL trusts their targets
		}
	}
	for _, s := range []anchorStore{debian, alpine} {
		if !e.family(s.id) {
			continue
		}
		a, err := s.anchors(e.root)
		return err == nil && len(a.files) == 0, err
	}
	return true, nil
}

// holdsText reports whether a bundle holds more than a comment.
func (e *edit) holdsText(name string) bool {
	const comment = 512
	info, err := e.root.Stat(name)
	if err != nil || info.Size() > comment {
		return true
	}
	data, err := e.root.Content(name)
	return err != nil || e.reader.Held(data).Len() > 0
}

// mozilla records and returns the Mozilla roots in this program. It leaves out roots
// with a constraint, which a bundle cannot express.
func (e *edit) mozilla() []wanted {
	roots, constrained := certs.MozillaRoots()
	e.tell("%d of the added certificates are the Mozilla roots in this program, of %s", roots.Len(), certs.MozillaDate)
	switch {
	case constrained == 1:
		e.tell("1 Mozilla root is trusted for older certificates only, which a bundle cannot say, and was left out")
	case constrained > 1:
		e.tell("%d Mozilla roots are trusted for older certificates only, which a bundle cannot say, and were left out", constrained)
	}
	e.record.setSource(mozillaSource, roots.Digest())
	var want []wanted
	for c := range roots.All() {
		e.record.note(c, mozillaSource)
		want = append(want, wanted{c, mozillaSource})
	}
	return want
}

func setOf(want []wanted) *certs.Set {
	set := &certs.Set{}
	for _, w := range want {
		set.Add(w.Certificate, "")
	}
	return set
}

func these(n int) string {
	if n == 1 {
		return "this one"
	}
	return fmt.Sprintf("these %d", n)
}

// isPublic reports whether a set has at least half of Mozilla's roots: programs'
// built-in lists differ and age.
func isPublic(held *certs.Set) bool {
	known, all := 0, 0
	for f := range certs.MozillaDER() {
		all++
		if held.Has(f) {
			known++
		}
	}
	return known*2 >= all
}
