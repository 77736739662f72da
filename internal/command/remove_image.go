package command

import (
	"context"
	"slices"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/rootfs"
)

// runImage takes out of an image, or of those of a list, what certgraft patch put in.
func (o *removeOptions) runImage(ctx context.Context, p *printer, specs []string) error {
	selection, err := o.selection(ctx, specs)
	if err != nil {
		return err
	}
	return o.editImages(ctx, p, func(root *rootfs.Overlay, config *image.Config, opt installer.Options) (*installer.Report, error) {
		if err := selection.known(root); err != nil {
			return nil, err
		}
		report, err := installer.Remove(root, selection.Selection, opt)
		if err != nil {
			return nil, err
		}
		config.Sources, config.Removed = report.Sources, removedNames(selection.Selection)
		var left []string
		config.Env, left = withoutVariables(config.Env, report.Unset)
		for _, name := range left {
			report.Notes = append(report.Notes, name+" was set by certgraft and changed since: it stays")
		}
		return report, nil
	})
}

// editImages edits an image, or those of a list, in the same way, and notes what is
// distrusted in each afterwards.
func (o *removeOptions) editImages(ctx context.Context, p *printer, edit func(*rootfs.Overlay, *image.Config, installer.Options) (*installer.Report, error)) error {
	password, err := readPassword(ctx, o.target.javaPassword)
	if err != nil {
		return err
	}
	w, _, err := o.patch.open(ctx, p, []string{o.image}, imageWork{cache: o.cache, dryRun: o.target.dryRun})
	if err != nil {
		return err
	}
	defer w.close()
	return w.all(ctx, func(root *rootfs.Overlay, config *image.Config, result *patchResult) error {
		report, err := edit(root, config, installer.Options{JavaPassword: password, Environ: environOfImage(config)})
		if err != nil {
			return err
		}
		if config.Distrusted, err = installer.Distrusted(root); err != nil {
			return err
		}
		result.edited(config.Platform, report)
		return nil
	})
}

// removedNames returns what the history calls that which was taken out.
func removedNames(s installer.Selection) []string {
	if s.All {
		return []string{"--all"}
	}
	names := slices.Clone(s.Sources)
	for _, set := range s.Sets {
		names = append(names, "@set:"+set)
	}
	return names
}

// withoutVariables takes back what was set, and names what someone else has
// changed since.
func withoutVariables(env []string, set []installer.SetVariable) (_, left []string) {
	for _, v := range set {
		i := slices.Index(env, v.Name+"="+v.Value)
		switch {
		case i < 0:
			left = append(left, v.Name)
		case v.Prior != nil:
			env[i] = v.Name + "=" + *v.Prior
		default:
			env = slices.Delete(env, i, i+1)
		}
	}
	return env, left
}
