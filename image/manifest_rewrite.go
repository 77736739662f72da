package image

import (
	"encoding/json"
	"fmt"
	"slices"
)

// imageChange is what becomes of one image.
type imageChange struct {
	own       int               // layers on top that go: 1 if an earlier one of ours is replaced
	sameLayer bool              // the layers stay as they are
	layer     *newLayer         // that comes on top; nil is none
	rewritten map[int]*newLayer // in the place of others
	env       []string
	sources   []string // that something in the image is from then, where it is known
	removed   []string // that were taken out
}

// bare reports whether certgraft's own layer goes and none is in its place.
func (c imageChange) bare() bool {
	return c.own > 0 && !c.sameLayer && c.layer == nil && len(c.rewritten) == 0
}

// rewrite edits config and manifest of an image as they were written.
func (u *updater) rewrite(it *item, c imageChange) error {
	config, err := u.rewriteConfig(it, c)
	if err != nil {
		return fmt.Errorf("edit the config: %w", err)
	}
	if config == nil && c.sameLayer && !u.annotates(it) {
		return nil
	}
	o, err := parseObject(it.raw)
	if err != nil {
		return err
	}
	if config != nil {
		raw, err := redirect(o.values["config"], u.keep(it.manifest.Config.MediaType, config))
		if err != nil {
			return err
		}
		o.values["config"] = raw
	}
	if err := editLayers(o, c); err != nil {
		return fmt.Errorf("edit the manifest: %w", err)
	}
	if it.desc.MediaType == ociManifest {
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
		if it.desc.MediaType == ociManifest && it.manifest.Annotations[key] != value {
			return true
		}
	}
	return false
}

func editLayers(o *object, c imageChange) error {
	if c.sameLayer {
		return nil
	}
	var layers []json.RawMessage
	if err := o.get("layers", &layers); err != nil {
		return err
	}
	layers = layers[:len(layers)-c.own]
	for i, l := range c.rewritten {
		var err error
		if layers[i], err = relayer(layers[i], l.desc); err != nil {
			return err
		}
	}
	if c.layer != nil {
		raw, err := encodeJSON(c.layer.desc)
		if err != nil {
			return err
		}
		layers = append(layers, raw)
	}
	if len(layers) > maxLayers {
		return withHint(fmt.Errorf("the image would have %d layers, and engines mount up to %d", len(layers), maxLayers), "build it with fewer layers, or squash it")
	}
	return o.set("layers", layers)
}

// maxLayers is what overlay file systems take.
const maxLayers = 127

// relayer has a layer's descriptor, as it was written, name an edited layer. What
// is said of its insides is not so any more.
func relayer(raw json.RawMessage, to Descriptor) (json.RawMessage, error) {
	o, err := parseObject(raw)
	if err != nil {
		return nil, err
	}
	notes, err := o.child("annotations")
	if err != nil {
		return nil, err
	}
	for _, key := range slices.Clone(notes.keys) {
		if isLazy(key) {
			notes.remove(key)
		}
	}
	switch {
	case len(notes.keys) > 0:
		if err := o.set("annotations", notes); err != nil {
			return nil, err
		}
	default:
		o.remove("annotations")
	}
	return redirect(o.encode(), to)
}

// replace makes the edited manifest or index the item's.
func (u *updater) replace(it *item, o *object) {
	it.raw = likeWritten(it.raw, o.encode())
	d := u.keep(it.desc.MediaType, it.raw)
	it.desc.Digest, it.desc.Size = d.Digest, d.Size
}
