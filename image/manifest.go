package image

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/certgraft/certgraft/image/internal/layer"
	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/hint"
)

// rewrite edits config and manifest of an image as they were written.
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
		raw, err := oci.Redirect(o.Values["config"], u.keep(it.manifest.Config.MediaType, config))
		if err != nil {
			return err
		}
		o.Values["config"] = raw
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

// annotates reports whether the manifest lacks an annotation that is wanted.
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
	var layers []json.RawMessage
	if err := o.Get("layers", &layers); err != nil {
		return err
	}
	layers = layers[:len(layers)-c.own]
	for i, l := range c.rewritten {
		var err error
		if layers[i], err = relayer(layers[i], l.Desc); err != nil {
			return err
		}
	}
	if c.layer != nil {
		raw, err := oci.EncodeJSON(c.layer.Desc)
		if err != nil {
			return err
		}
		layers = append(layers, raw)
	}
	if len(layers) > maxLayers {
		return hint.Add(fmt.Errorf("the image would have %d layers, and engines mount up to %d", len(layers), maxLayers), "build it with fewer layers, or squash it")
	}
	return o.Set("layers", layers)
}

// maxLayers is what overlay file systems take.
const maxLayers = 127

// relayer has a layer's descriptor, as it was written, name an edited layer. What
// is said of its insides is not so any more.
func relayer(raw json.RawMessage, to Descriptor) (json.RawMessage, error) {
	o, err := oci.ParseObject(raw)
	if err != nil {
		return nil, err
	}
	notes, err := o.Child("annotations")
	if err != nil {
		return nil, err
	}
	for _, key := range slices.Clone(notes.Keys) {
		if layer.IsTOCAnnotation(key) {
			notes.Remove(key)
		}
	}
	if err := o.SetOrRemove("annotations", notes); err != nil {
		return nil, err
	}
	return oci.Redirect(o.Encode(), to)
}
