package image

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// rewriteConfig returns the new config of the image, or nil if the config
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
	return o.Encode(), nil
}

// editSettings sets the environment and the labels if they change.
func (u *updater) editSettings(o *oci.Object, it *item, c imageChange) (changed bool, err error) {
	if slices.Equal(c.env, it.config.Config.Env) && !u.relabels(it) {
		return false, nil
	}
	settings, err := o.Child("config")
	if err != nil {
		return false, err
	}
	if err := editEnv(settings, it.config.Config.Env, c.env); err != nil {
		return false, err
	}
	if err := settings.SetAll("Labels", u.opt.Labels); err != nil {
		return false, err
	}
	if settings.Len() == 0 && o.Index("config") == o.Len()-1 { // "config" was added for the variables, see emptyEnv
		o.Remove("config")
		return true, nil
	}
	return true, o.Set("config", settings)
}

// relabels reports whether the config lacks a label of the options.
func (u *updater) relabels(it *item) bool {
	for key, value := range u.opt.Labels {
		if was, ok := it.config.Config.Labels[key]; !ok || was != value {
			return true
		}
	}
	return false
}

// editEnv replaces the variables of was by those of now in settings. A variable
// that stays keeps its bytes; a variable with a new value keeps its place.
func editEnv(settings *oci.Object, was, now []string) error {
	if slices.Equal(was, now) {
		return nil
	}
	if len(now) == 0 {
		return emptyEnv(settings)
	}
	list, err := settings.List("Env")
	if err != nil {
		return err
	}
	rest := slices.Clone(now)
	for i, at := 0, 0; i < len(was); i++ {
		name, _, _ := strings.Cut(was[i], "=")
		switch {
		case len(rest) > 0 && rest[0] == was[i]:
		case len(rest) > 0 && strings.HasPrefix(rest[0], name+"="):
			if err := list.Set(at, rest[0]); err != nil {
				return err
			}
		default:
			list.Remove(at)
			continue
		}
		rest, at = rest[1:], at+1
	}
	for _, kv := range rest {
		if err := list.Append(kv); err != nil {
			return err
		}
	}
	return settings.Set("Env", list)
}

// emptyEnv removes the last variable. A config without variables either lacks
// the member or has null. The member was missing if it is the last one now:
// [oci.Object.Set] appends a new member.
func emptyEnv(settings *oci.Object) error {
	if settings.Index("Env") == settings.Len()-1 {
		settings.Remove("Env")
		return nil
	}
	return settings.Set("Env", nil)
}

func editDiffIDs(o *oci.Object, c imageChange) error {
	rootfs, err := o.Child("rootfs")
	if err != nil {
		return err
	}
	ids, err := rootfs.List("diff_ids")
	if err != nil {
		return err
	}
	ids.Truncate(ids.Len() - c.own)
	for i, l := range c.rewritten {
		if err := ids.Set(i, l.DiffID); err != nil {
			return err
		}
	}
	if c.layer != nil {
		if err := ids.Append(c.layer.DiffID); err != nil {
			return err
		}
	}
	return errors.Join(rootfs.Set("diff_ids", ids), o.Set("rootfs", rootfs))
}

// editHistory enters the new layer. For edited layers it enters a step without
// a layer. An image without a history gets none: a single entry for several
// layers would describe the wrong one.
func (u *updater) editHistory(o *oci.Object, it *item, c imageChange) error {
	steps, err := o.List("history")
	if err != nil || steps.Len() == 0 {
		return err
	}
	var named []string
	if i := u.staleStep(it.config.History, c); i >= 0 {
		named = sourcesOf(it.config.History[i])
		steps.Remove(i)
	}
	if (c.layer != nil || len(c.rewritten) > 0) && !u.restores(it, c) {
		if err := steps.Append(u.newStep(it, c, named)); err != nil {
			return err
		}
	}
	return o.Set("history", steps)
}

// staleStep returns the place of the step that the change replaces, else -1.
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

// newStep returns the step of a change. named holds the sources of the replaced
// step. A removal names only sources from that step: the others belong to other
// layers.
func (u *updater) newStep(it *item, c imageChange, named []string) oci.History {
	verb, comment, sources := "patch", "CA certificates", unite(named, u.opt.Sources)
	if c.sources != nil {
		sources = slices.DeleteFunc(sources, func(s string) bool { return !slices.Contains(c.sources, s) })
		if len(sources) == 0 {
			verb, comment, sources = "remove", "CA certificates taken out", c.removed
		}
	}
	switch {
	case len(c.distrusted) > 0 && verb == "patch" && len(sources) > 0:
		comment += ", and others distrusted"
	case len(c.distrusted) > 0:
		verb, comment, sources = "distrust", "CA certificates distrusted", c.distrusted
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
