package image

import (
	"fmt"

	"github.com/certgraft/certgraft/image/internal/layer"
	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/hint"
)

// rewrite edits the raw JSON of an image's config and manifest.
func (u *updater) rewrite(it *item, c imageChange) error {
	config, err := u.rewriteConfig(it, c)
	if err != nil {
		return fmt.Errorf("edit the config: %w", err)
	}
	if config == nil && c.sameLayer && !u.annotates(it) {
		return nil
	}
	o, err := oci.ParseObject(it.raw)
	if err != nil {
		return err
	}
	if config != nil {
		if err := redirectMember(o, "config", u.keep(it.manifest.Config.MediaType, config), config); err != nil {
			return err
		}
	}
	if err := editLayers(o, c); err != nil {
		return fmt.Errorf("edit the manifest: %w", err)
	}
	if it.desc.MediaType == oci.ManifestType {
		if err := u.annotate(o, it, c); err != nil {
			return fmt.Errorf("edit the manifest: %w", err)
		}
	}
	u.replace(it, o)
	return nil
}

// annotates reports whether the manifest lacks an annotation of the options.
func (u *updater) annotates(it *item) bool {
	for key, value := range u.opt.Annotations {
		if it.desc.MediaType == oci.ManifestType && it.manifest.Annotations[key] != value {
			return true
		}
	}
	return false
}

func editLayers(o *oci.Object, c imageChange) error {
	if c.sameLayer {
		return nil
	}
	layers, err := o.List("layers")
	if err != nil {
		return err
	}
	layers.Truncate(layers.Len() - c.own)
	for i, l := range c.rewritten {
		if err := relayer(layers, i, l.Desc); err != nil {
			return err
		}
	}
	if c.layer != nil {
		if err := layers.Append(c.layer.Desc); err != nil {
			return err
		}
	}
	if c.layer != nil && c.own == 0 && layers.Len() > maxLayers {
		return hint.Add(fmt.Errorf("the image would have %d layers, and engines mount up to %d", layers.Len(), maxLayers), "use --layer rewrite, which adds none")
	}
	return o.Set("layers", layers)
}

// redirectMember points the descriptor in member key at other content.
func redirectMember(o *oci.Object, key string, to Descriptor, content []byte) error {
	d, err := o.Child(key)
	if err != nil {
		return err
	}
	if err := d.Redirect(to, content); err != nil {
		return err
	}
	return o.Set(key, d)
}

// maxLayers is the limit of overlay file systems. maxOverlay2 is the limit of
// Docker, which fails above it with "max depth exceeded".
const (
	maxLayers   = 127
	maxOverlay2 = 125
)

// deep returns a warning if the new layer makes the image too deep for some
// engines, else "".
func (c imageChange) deep(was int) string {
	if n := was - c.own + 1; c.layer != nil && n > maxOverlay2 {
		return fmt.Sprintf("the image has %d layers now, and Docker's overlay2 takes up to %d: --layer rewrite adds none", n, maxOverlay2)
	}
	return ""
}

// relayer points a layer's descriptor at the edited layer. It removes the
// annotations about the layer's table of contents, which no longer hold.
func relayer(layers *oci.List, i int, to Descriptor) error {
	o, err := layers.Object(i)
	if err != nil {
		return err
	}
	notes, err := o.Child("annotations")
	if err != nil {
		return err
	}
	var stale []string
	for key := range notes.All() {
		if layer.IsTOCAnnotation(key) {
			stale = append(stale, key)
		}
	}
	for _, key := range stale {
		notes.Remove(key)
	}
	if len(stale) > 0 {
		if err := o.SetOrRemove("annotations", notes); err != nil {
			return err
		}
	}
	if err := o.Redirect(to, nil); err != nil {
		return err
	}
	return layers.Set(i, o)
}
