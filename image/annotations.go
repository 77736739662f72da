package image

import (
	"encoding/json"
	"maps"
	"slices"

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
	switch _, based := all.Values[baseDigest]; {
	case u.restores(it, c):
		err = debase(all)
	case !based || !u.patched(it):
		err = u.rebase(all, it.desc.Digest)
	}
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(u.opt.Annotations)) {
		if err := all.Set(key, u.opt.Annotations[key]); err != nil {
			return err
		}
	}
	return o.SetOrRemove("annotations", all)
}

// Annotations that say what an image was made from, see "Pre-Defined Annotation
// Keys" in the OCI image specification.
const (
	baseDigest = "org.opencontainers.image.base.digest"
	baseName   = "org.opencontainers.image.base.name"

	// basePrior has the values of the two that an image had before its first
	// patch, as a JSON object, where it had any.
	basePrior = "io.github.certgraft.base.prior"
)

// rebase has annotations name an image as the base, digest and name together:
// one without the other would be about another image.
func (u *updater) rebase(all *oci.Object, digest Digest) error {
	prior := &oci.Object{Values: map[string]json.RawMessage{}}
	for _, key := range []string{baseDigest, baseName} {
		if raw, ok := all.Values[key]; ok {
			prior.Keys, prior.Values[key] = append(prior.Keys, key), raw
		}
	}
	if len(prior.Keys) > 0 {
		if err := all.Set(basePrior, string(prior.Encode())); err != nil {
			return err
		}
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

// debase gives annotations the base back that they named before the first patch.
// The name goes behind the digest, as it stands in all that sort their keys.
func debase(all *oci.Object) error {
	var text string
	if err := all.Get(basePrior, &text); err != nil {
		return err
	}
	all.Remove(basePrior)
	prior, err := oci.ParseObject([]byte(text))
	if err != nil { // there was no base, or someone else wrote this
		all.Remove(baseDigest)
		all.Remove(baseName)
		return nil
	}
	for _, key := range []string{baseDigest, baseName} {
		raw, had := prior.Values[key]
		if !had {
			all.Remove(key)
			continue
		}
		if _, there := all.Values[key]; !there {
			all.Keys = slices.Insert(all.Keys, slices.Index(all.Keys, baseDigest)+1, key)
		}
		all.Values[key] = raw
	}
	return nil
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
