package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxLayers is what overlay file systems take.
const maxLayers = 127

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

// bare reports whether certgraft's own layer goes and none is in its place.
func (c imageChange) bare() bool {
	return c.own > 0 && !c.sameLayer && c.layer == nil && len(c.rewritten) == 0
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

// rewriteConfig returns the config that the image is to have, or nil if it
// stays.
func (u *updater) rewriteConfig(it *item, c imageChange) ([]byte, error) {
	o, err := parseObject(it.rawConfig)
	if err != nil {
		return nil, err
	}
	changed, err := u.editSettings(o, it, c)
	if err != nil {
		return nil, err
	}
	if !c.sameLayer {
		if err := errors.Join(editDiffIDs(o, c), u.editHistory(o, it, c)); err != nil {
			return nil, err
		}
	}
	if !changed && c.sameLayer {
		return nil, nil
	}
	return likeWritten(it.rawConfig, o.encode()), nil
}

// editSettings sets the environment and the labels where they are to change.
func (u *updater) editSettings(o *object, it *item, c imageChange) (changed bool, err error) {
	settings, err := o.child("config")
	if err != nil {
		return false, err
	}
	if !slices.Equal(c.env, it.config.Config.Env) {
		changed = true
		if err := settings.set("Env", c.env); err != nil {
			return false, err
		}
	}
	for key, value := range u.opt.Labels {
		if was, ok := it.config.Config.Labels[key]; !ok || was != value {
			changed = true
		}
	}
	if !changed {
		return false, nil
	}
	if err := settings.setAll("Labels", u.opt.Labels); err != nil {
		return false, err
	}
	return true, o.set("config", settings)
}

func editDiffIDs(o *object, c imageChange) error {
	rootfs, err := o.child("rootfs")
	if err != nil {
		return err
	}
	var ids []Digest
	if err := rootfs.get("diff_ids", &ids); err != nil {
		return err
	}
	ids = ids[:len(ids)-c.own]
	for i, l := range c.rewritten {
		ids[i] = l.diffID
	}
	if c.layer != nil {
		ids = append(ids, c.layer.diffID)
	}
	if err := rootfs.set("diff_ids", ids); err != nil {
		return err
	}
	return o.set("rootfs", rootfs)
}

// editHistory enters the new layer, or that layers were edited, which is a step
// without one. An image that has no history gets none: one entry for several
// layers would be about the wrong one.
func (u *updater) editHistory(o *object, it *item, c imageChange) error {
	var steps []json.RawMessage
	if err := o.get("history", &steps); err != nil || len(steps) == 0 {
		return err
	}
	var named []string
	if i := u.staleStep(it.config.History, c); i >= 0 {
		named, steps = sourcesOf(it.config.History[i]), slices.Delete(steps, i, i+1)
	}
	if (c.layer != nil || len(c.rewritten) > 0) && !u.restores(it, c) {
		raw, err := encodeJSON(u.newStep(it, c, named))
		if err != nil {
			return err
		}
		steps = append(steps, raw)
	}
	return o.set("history", steps)
}

// staleStep returns the place of the step of what is replaced, else -1.
func (u *updater) staleStep(steps []history, c imageChange) int {
	i := -1
	if c.own > 0 {
		i = u.ownStep(steps)
	}
	if i < 0 && len(c.rewritten) > 0 {
		i = u.rewrittenStep(steps)
	}
	return i
}

// newStep returns the step of a change. In named are the sources that the step
// before it named; of those that are left by a removal it names no others, which
// are from other layers.
func (u *updater) newStep(it *item, c imageChange, named []string) history {
	verb, comment, sources := "patch", "CA certificates", unite(named, u.opt.Sources)
	if c.sources != nil {
		sources = slices.DeleteFunc(sources, func(s string) bool { return !slices.Contains(c.sources, s) })
		if len(sources) == 0 {
			verb, comment, sources = "remove", "CA certificates taken out", c.removed
		}
	}
	if c.layer == nil {
		comment += ", in the layers that hold their stores"
	}
	return history{
		Created:   u.modTime(it).UTC().Format(time.RFC3339),
		CreatedBy: strings.Join(append([]string{u.opt.program(), verb}, sources...), " "),
		Comment:   comment, EmptyLayer: c.layer == nil,
	}
}

// ownStep returns the place of the step of the topmost layer, if that is ours,
// else -1.
func (u *updater) ownStep(steps []history) int {
	for i, step := range slices.Backward(steps) {
		if !step.EmptyLayer {
			if u.isOurs(step) {
				return i
			}
			return -1
		}
	}
	return -1
}

// rewrittenStep returns the place of the step that says that layers were edited,
// else -1.
func (u *updater) rewrittenStep(steps []history) int {
	return slices.IndexFunc(steps, func(step history) bool { return step.EmptyLayer && u.isOurs(step) })
}

func (u *updater) isOurs(step history) bool {
	return strings.HasPrefix(step.CreatedBy+" ", u.opt.program()+" patch ") || strings.HasPrefix(step.CreatedBy+" ", u.opt.program()+" remove ")
}

// sourcesOf returns the sources that a step of ours says are patched in.
func sourcesOf(step history) []string {
	if words := strings.Fields(step.CreatedBy); len(words) > 2 && words[1] == "patch" {
		return words[2:]
	}
	return nil
}

func unite(a, b []string) []string {
	all := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

// modTime returns the time of what is added to an image: one that does not
// depend on when or where that is done.
func (u *updater) modTime(it *item) time.Time {
	switch at := it.created(); {
	case !u.opt.ModTime.IsZero():
		return u.opt.ModTime.UTC().Truncate(time.Second)
	case at.Unix() > 0:
		return at.UTC().Truncate(time.Second)
	}
	return time.Unix(0, 0).UTC()
}
