package image

import (
	"context"
	"maps"
	"slices"

	"github.com/certgraft/certgraft/rootfs"
)

// updateImage runs the edit on one image and puts the changes into it.
func (u *updater) updateImage(ctx context.Context, it *item) error {
	e, err := u.runEdit(ctx, it)
	if err != nil {
		return err
	}
	own, config := e.own, e.config
	part := Part{
		Platform: it.platform(), Was: it.desc.Digest, Changes: e.changes,
		Replaced: own > 0, Skipped: it.skippedLayers(), Env: newEnv(it.config.Config.Env, config.Env), EnvGone: newEnv(config.Env, it.config.Config.Env),
	}
	if it.manifest.Subject != nil {
		part.Subject = it.manifest.Subject.Digest
	}
	change := imageChange{own: own, sameLayer: sameChanges(e.before, part.Changes), env: config.Env, sources: config.Sources, removed: config.Removed, distrusted: config.Distrusted}
	if !change.sameLayer && len(part.Changes) > 0 {
		if err := u.putChanges(ctx, it, e.base, &change, &part); err != nil {
			return err
		}
	}
	part.LayerGone = change.bare()
	part.Warning = change.deep(len(it.manifest.Layers))
	if err := u.rewrite(it, change); err != nil {
		return err
	}
	part.Now = it.desc.Digest
	u.result.Parts = append(u.result.Parts, part)
	return nil
}

// putChanges makes the layers with the changes.
func (u *updater) putChanges(ctx context.Context, it *item, base *tree, change *imageChange, part *Part) (err error) {
	if u.opt.Layer == LayerAppend {
		if change.layer, err = u.newLayer(it, base, part.Changes); err != nil {
			return err
		}
		part.Layer = &change.layer.Desc
		return nil
	}
	if change.rewritten, err = u.rewriteLayers(ctx, it, base, part.Changes, len(it.manifest.Layers)-change.own); err != nil {
		return err
	}
	for _, i := range slices.Sorted(maps.Keys(change.rewritten)) {
		part.Rewritten = append(part.Rewritten, Rewritten{Was: it.manifest.Layers[i].Digest, Layer: change.rewritten[i].Desc})
	}
	return nil
}

// sameChanges reports whether two lists of changes have the same effect.
func sameChanges(a, b []rootfs.Change) bool {
	return slices.EqualFunc(a, b, func(x, y rootfs.Change) bool {
		return x.Name == y.Name && x.Removed == y.Removed && x.Mode == y.Mode && x.Target == y.Target && string(x.Data) == string(y.Data)
	})
}

// newEnv returns the variables of after that before lacks or sets differently.
func newEnv(before, after []string) []string {
	return slices.DeleteFunc(slices.Clone(after), func(kv string) bool { return slices.Contains(before, kv) })
}
