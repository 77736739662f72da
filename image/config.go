package image

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// rewriteConfig returns the config that the image is to have, or nil if it
// stays.
func (u *updater) rewriteConfig(it *item, c imageChange) ([]byte, error) {
	o, err := oci.ParseObject(it.rawConfig)
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
	return oci.LikeWritten(it.rawConfig, o.Encode()), nil
}

// editSettings sets the environment and the labels where they are to change.
func (u *updater) editSettings(o *oci.Object, it *item, c imageChange) (changed bool, err error) {
	settings, err := o.Child("config")
	if err != nil {
		return false, err
	}
	if !slices.Equal(c.env, it.config.Config.Env) {
		changed = true
		if err := settings.Set("Env", c.env); err != nil {
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
	if err := settings.SetAll("Labels", u.opt.Labels); err != nil {
		return false, err
	}
	return true, o.Set("config", settings)
}

func editDiffIDs(o *oci.Object, c imageChange) error {
	rootfs, err := o.Child("rootfs")
	if err != nil {
		return err
	}
	var ids []Digest
	if err := rootfs.Get("diff_ids", &ids); err != nil {
		return err
	}
	ids = ids[:len(ids)-c.own]
	for i, l := range c.rewritten {
		ids[i] = l.DiffID
	}
	if c.layer != nil {
		ids = append(ids, c.layer.DiffID)
	}
	if err := rootfs.Set("diff_ids", ids); err != nil {
		return err
	}
	return o.Set("rootfs", rootfs)
}

// editHistory enters the new layer, or that layers were edited, which is a step
// without one. An image that has no history gets none: one entry for several
// layers would be about the wrong one.
func (u *updater) editHistory(o *oci.Object, it *item, c imageChange) error {
	var steps []json.RawMessage
	if err := o.Get("history", &steps); err != nil || len(steps) == 0 {
		return err
	}
	var named []string
	if i := u.staleStep(it.config.History, c); i >= 0 {
		named, steps = sourcesOf(it.config.History[i]), slices.Delete(steps, i, i+1)
	}
	if (c.layer != nil || len(c.rewritten) > 0) && !u.restores(it, c) {
		raw, err := oci.EncodeJSON(u.newStep(it, c, named))
		if err != nil {
			return err
		}
		steps = append(steps, raw)
	}
	return o.Set("history", steps)
}

// staleStep returns the place of the step of what is replaced, else -1.
func (u *updater) staleStep(steps []oci.History, c imageChange) int {
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
func (u *updater) newStep(it *item, c imageChange, named []string) oci.History {
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
	return oci.History{
		Created:   u.modTime(it).UTC().Format(time.RFC3339),
		CreatedBy: strings.Join(append([]string{u.opt.program(), verb}, sources...), " "),
		Comment:   comment, EmptyLayer: c.layer == nil,
	}
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
