package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/rootfs"
)

// removeOptions are the flags of certgraft remove.
type removeOptions struct {
	target  targetOptions
	catalog string
	all     bool

	image string // an image to edit in place of a root
	patch imageTarget
	cache string // of layers
}

func removeCommand(p *printer) *cli.Command {
	o := &removeOptions{}
	return &cli.Command{
		Name:        "remove",
		Usage:       "take out what install put in, and nothing else",
		ArgsUsage:   "SOURCE…|--all",
		Description: "Reads the root's own record and fetches nothing. A source is named as it was at install.\ncertgraft remove --image registry.example.com/app:1-ca --all --tag registry.example.com/app:1-plain\ncertgraft remove --from-file images.txt corp.pem",
		Flags:       append(o.flags(), o.target.flags()...),
		Action: func(c *cli.Context) error {
			specs := c.Args().Slice()
			switch {
			case o.all && len(specs) > 0:
				return usagef("remove: --all and a source exclude each other")
			case !o.all && len(specs) == 0:
				return hint.Add(usagef("remove: a source is missing"), usageLine(c))
			}
			if err := o.check(c); err != nil {
				return err
			}
			if o.edits() {
				return o.runImage(c.Context, p, specs)
			}
			return o.run(c.Context, p, specs)
		},
	}
}

func (o *removeOptions) flags() []cli.Flag {
	return append([]cli.Flag{
		&cli.BoolFlag{Name: "all", Category: targetFlags, Usage: "take out everything that certgraft installed", Destination: &o.all},
		catalogFlag(&o.catalog),
	}, o.imageFlags("take it out of the images")...)
}

// imageFlags are the flags of a command that edits roots and images.
func (o *removeOptions) imageFlags(does string) []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "image", Category: targetFlags, Usage: "edit the image `IMAGE` in place of a root, and write it to --tag", Destination: &o.image},
		layerCacheFlag(&o.cache),
	}, o.patch.flags(does)...)
}

// edits reports whether the command edits images instead of a root.
func (o *removeOptions) edits() bool { return o.image != "" || o.patch.place.list.given() }

// check refuses flags for a root if an image is edited, and the reverse. The cache
// and the shard may be set in the environment too.
func (o *removeOptions) check(c *cli.Context) error {
	if o.image != "" && o.patch.place.list.given() {
		return usagef("--image and --from-file exclude each other")
	}
	if err := o.patch.place.list.check(); err != nil {
		return err
	}
	others, what := o.target.flags(), "a root, and --image is an image"
	switch {
	case o.patch.place.list.given():
		what = "a root, and --from-file names images"
	case o.image == "":
		others, what = o.patch.flags(""), "an image: name it with --image, or several with --from-file"
	}
	for _, f := range others {
		name := f.Names()[0]
		if !slices.Contains([]string{"dry-run", "java-password-file", "cache"}, name) && c.IsSet(name) {
			return usagef("--%s is for %s", name, what)
		}
	}
	return nil
}

func (o *removeOptions) run(ctx context.Context, p *printer, specs []string) error {
	opt, err := o.target.installer(ctx, p, installer.Options{})
	if err != nil {
		return err
	}
	selection, err := o.selection(ctx, specs)
	if err != nil {
		return err
	}
	result := newEditResult(&o.target)
	updated, err := o.target.edit(ctx, p, func(k *installer.Keychain, r *rootfs.Overlay) (err error) {
		if err := selection.known(r); err != nil {
			return err
		}
		if k != nil {
			result.report, err = k.Remove(ctx, r, selection.Selection, opt)
			return err
		}
		result.report, err = installer.Remove(r, selection.Selection, opt)
		return err
	})
	if err != nil {
		return inItsImage("remove", err)
	}
	for _, v := range result.report.Unset {
		result.Notes = append(result.Notes, v.Name+" was set in the image's config by certgraft patch, where only certgraft remove --image can undo it")
	}
	return result.finish(ctx, p, &o.target, updated)
}

// inItsImage adds a hint to the error for a root that cannot be written: edit the
// image of the root.
func inItsImage(command string, err error) error {
	if !errors.Is(err, syscall.EROFS) && !errors.Is(err, syscall.EXDEV) {
		return err
	}
	return hint.Add(err, "with nothing written here: certgraft "+command+" --image IMAGE --tag NEW-IMAGE edits the image that this root is from")
}

// removal is the selection to look for in the record.
type removal struct {
	installer.Selection

	unknown map[string]error // names that only the record can know, with their errors
}

// selection turns the arguments into a selection: the name of a source, or for a
// file its certificates.
func (o *removeOptions) selection(ctx context.Context, specs []string) (removal, error) {
	out := removal{Selection: installer.Selection{All: o.all, Files: map[string][]certs.Fingerprint{}}, unknown: map[string]error{}}
	for _, spec := range specs {
		recorded, err := bundles.Recorded(ctx, bundles.Options{Insecure: true, Catalog: catalogFiles(o.catalog)}, spec)
		if err != nil {
			return out, fmt.Errorf("remove: %w", err)
		}
		if recorded.Unknown != nil {
			out.unknown[recorded.Name] = fmt.Errorf("remove: %w", recorded.Unknown)
		}
		if recorded.Set != "" {
			out.Sets = append(out.Sets, recorded.Set)
			continue
		}
		out.Sources = append(out.Sources, recorded.Name)
		out.Files[recorded.Name] = append(out.Files[recorded.Name], recorded.Fingerprints...)
	}
	return out, nil
}

// known refuses names that neither the catalogue nor the record of root has. If
// the record cannot be read, package installer reports it.
func (r removal) known(root fs.FS) error {
	if len(r.unknown) == 0 {
		return nil // the record need not be read here
	}
	names, err := installer.RecordedSources(root)
	if err != nil {
		return nil //nolint:nilerr // as above
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(r.unknown)) {
		if !slices.Contains(names, name) {
			errs = append(errs, r.unknown[name])
		}
	}
	return errors.Join(errs...)
}
