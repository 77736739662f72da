package command

import (
	"context"
	"slices"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/rootfs"
)

// runImage takes the CAs of certgraft patch out of an image, or out of the images
// of a list.
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
	}, nil)
}

// editImages makes the same edit in an image, or in the images of a list. It notes
// the distrusted CAs of each image after the edit. End judges the images of a list
// together, and may be nil.
func (o *removeOptions) editImages(ctx context.Context, p *printer, edit func(*rootfs.Overlay, *image.Config, installer.Options) (*installer.Report, error), end func([]*patchResult) error) error {
	password, err := readPassword(ctx, o.target.javaPassword)
	if err != nil {
		return err
	}
	w, _, err := o.patch.open(ctx, p, []string{o.image}, imageWork{cache: o.cache, dryRun: o.target.dryRun, removes: true})
	if err != nil {
		return err
	}
	defer w.close()
	w.end = end
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

// removedNames returns the names of the removed sources and sets, for the history.
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

// withoutVariables restores the variables that patch set. Left names the variables
// that were changed since.
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
