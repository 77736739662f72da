package image

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/image/internal/layer"
	"github.com/certgraft/certgraft/image/internal/oci"
)

// annotate sets the annotations of the options and names the base of the image
// in a manifest. If the image was patched before, the base stays the image
// before the first patch. If the change restores the original image, the
// annotations name the original's base again.
func (u *updater) annotate(o *oci.Object, it *item, c imageChange) error {
	all, err := o.Child("annotations")
	if err != nil {
		return err
	}
	was := o.Raw("annotations")
	switch based := all.Raw(baseDigest) != nil; {
	case u.restores(it, c):
		was, err = debase(all)
	case !based || !u.patched(it):
		err = u.rebase(all, was, it.desc.Digest)
	}
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(u.opt.Annotations)) {
		if err := all.Set(key, u.opt.Annotations[key]); err != nil {
			return err
		}
	}
	if all.Len() == 0 && was != nil {
		return o.Set("annotations", was)
	}
	return o.SetOrRemove("annotations", all)
}

// Annotations that name the base of an image, see "Pre-Defined Annotation Keys"
// in the OCI image specification.
const (
	baseDigest = "org.opencontainers.image.base.digest"
	baseName   = "org.opencontainers.image.base.name"

	// basePrior is a JSON object with the values that the two annotations had
	// before the first patch. If the image had an empty "annotations" member,
	// basePrior holds that member.
	basePrior = "io.github.certgraft.base.prior"
	// priorNext is a member of basePrior if the name did not follow the digest.
	// It holds the annotation that followed the name, or "".
	priorNext = "next"
)

// rebase names an image as the base, by digest and name together: one without
// the other would describe another image.
func (u *updater) rebase(all *oci.Object, was json.RawMessage, digest Digest) error {
	prior, err := priorOf(all)
	if err != nil {
		return err
	}
	switch {
	case prior.Len() > 0:
		err = all.Set(basePrior, string(prior.Encode()))
	case all.Len() == 0 && was != nil:
		err = all.Set(basePrior, string(was))
	}
	if err != nil {
		return err
	}
	if err := all.Set(baseDigest, digest); err != nil {
		return err
	}
	if u.name == "" {
		all.Remove(baseName)
		return nil
	}
	return all.Set(baseName, u.name)
}

// priorOf returns the base that the annotations name.
func priorOf(all *oci.Object) (*oci.Object, error) {
	prior, err := oci.ParseObject([]byte("{}"))
	if err != nil {
		return nil, err
	}
	var keys []string
	for key, raw := range all.All() {
		keys = append(keys, key)
		if key == baseDigest || key == baseName {
			err = errors.Join(err, prior.Set(key, raw))
		}
	}
	if i := slices.Index(keys, baseName); i == 0 || i > 0 && keys[i-1] != baseDigest {
		err = errors.Join(err, prior.Set(priorNext, strings.Join(keys[i+1:min(i+2, len(keys))], "")))
	}
	return prior, err
}

// debase restores the base that the annotations named before the first patch.
// It returns the original "annotations" member if that was empty.
func debase(all *oci.Object) (json.RawMessage, error) {
	var text string
	if err := all.Get(basePrior, &text); err != nil {
		return nil, err
	}
	all.Remove(basePrior)
	prior, err := oci.ParseObject([]byte(text))
	if err != nil || prior.Len() == 0 { // no base was named, or another program wrote this
		all.Remove(baseDigest)
		all.Remove(baseName)
		if text == "null" || err == nil {
			return json.RawMessage(text), nil
		}
		return nil, nil
	}
	place, err := placeOfName(all, prior)
	if err != nil {
		return nil, err
	}
	switch name := prior.Raw(baseName); {
	case name == nil:
		all.Remove(baseName)
	case all.Index(baseName) >= 0:
		err = all.Set(baseName, name)
	default:
		err = all.Insert(place, baseName, name)
	}
	if digest := prior.Raw(baseDigest); digest != nil {
		return nil, errors.Join(err, all.Set(baseDigest, digest))
	}
	all.Remove(baseDigest)
	return nil, err
}

// placeOfName returns the place of the base's name: after the digest, unless
// prior says otherwise.
func placeOfName(all, prior *oci.Object) (int, error) {
	if prior.Raw(priorNext) == nil {
		return all.Index(baseDigest) + 1, nil
	}
	var next string
	err := prior.Get(priorNext, &next)
	if i := all.Index(next); i >= 0 {
		return i, err
	}
	return all.Len(), err
}

// patched reports whether an image was patched before, even if others built on
// it since.
func (u *updater) patched(it *item) bool {
	return u.rewrittenStep(it.config.History) >= 0 || u.hasOwn(it, len(it.manifest.Layers))
}

// hasOwn reports whether one of the first n layers of an image is certgraft's own.
func (u *updater) hasOwn(it *item, n int) bool {
	return slices.ContainsFunc(u.layersOf(it, n), func(l *layer.Listing) bool { return l != nil && l.Own })
}

// restores reports whether a change removes the last trace of certgraft from an
// image.
func (u *updater) restores(it *item, c imageChange) bool {
	switch {
	case c.sameLayer || c.layer != nil || len(c.sources) > 0 || u.hasOwn(it, len(it.manifest.Layers)-c.own):
		return false
	case len(c.rewritten) > 0:
		return c.sources != nil
	}
	return c.own > 0
}
