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

// annotate edits the annotations of a manifest: sets those that were asked for,
// and what the image was made from. An image that was patched before keeps
// naming the one before its first patch, and one that is what it was then names
// what that named.
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

// Annotations that say what an image was made from, see "Pre-Defined Annotation
// Keys" in the OCI image specification.
const (
	baseDigest = "org.opencontainers.image.base.digest"
	baseName   = "org.opencontainers.image.base.name"

	// basePrior has the values of the two that an image had before its first
	// patch, as a JSON object, where it had any; and the annotations themselves
	// where they were empty.
	basePrior = "io.github.certgraft.base.prior"
	// priorNext is a member of basePrior where the name did not follow the digest:
	// the annotation that followed the name, or "" if none did.
	priorNext = "next"
)

// rebase has annotations name an image as the base, digest and name together:
// one without the other would be about another image.
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

// priorOf returns the base that annotations name.
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

// debase gives annotations the base back that they named before the first patch,
// and returns the annotations where they were empty.
func debase(all *oci.Object) (json.RawMessage, error) {
	var text string
	if err := all.Get(basePrior, &text); err != nil {
		return nil, err
	}
	all.Remove(basePrior)
	prior, err := oci.ParseObject([]byte(text))
	if err != nil || prior.Len() == 0 { // no base was named, or someone else wrote this
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

// placeOfName returns where the name of the base was: behind the digest, but for
// what prior says.
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

// patched reports whether an image was patched before, whoever built on it since.
func (u *updater) patched(it *item) bool {
	return u.rewrittenStep(it.config.History) >= 0 || u.hasOwn(it, len(it.manifest.Layers))
}

// hasOwn reports whether one of the first n layers of an image is certgraft's own.
func (u *updater) hasOwn(it *item, n int) bool {
	return slices.ContainsFunc(u.layersOf(it, n), func(l *layer.Listing) bool { return l != nil && l.Own })
}

// restores reports whether a change leaves nothing of certgraft's in an image.
func (u *updater) restores(it *item, c imageChange) bool {
	switch {
	case c.sameLayer || c.layer != nil || len(c.sources) > 0 || u.hasOwn(it, len(it.manifest.Layers)-c.own):
		return false
	case len(c.rewritten) > 0:
		return c.sources != nil
	}
	return c.own > 0
}
