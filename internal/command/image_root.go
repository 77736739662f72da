package command

import (
	"context"
	"io/fs"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/installer"
)

// imageRootOptions are the flags of the commands that look into an image.
type imageRootOptions struct {
	registry registryOptions
	platform string
}

func (o *imageRootOptions) flags() []cli.Flag {
	return append([]cli.Flag{
		wordFlag{&cli.StringFlag{Name: "platform", Category: imageFlags, Usage: "of an image for several: the one for `OS/ARCH`[/VARIANT]", Destination: &o.platform}, platformWords, true},
	}, o.registry.flags()...)
}

// isImageStream reports whether a name is an image from standard input.
func isImageStream(name string) bool {
	at, err := (&image.Locations{}).Parse(name)
	return err == nil && image.IsStream(at)
}

// open returns the root of an image, all of whose layers are read, and its
// config.
func (o *imageRootOptions) open(ctx context.Context, p *printer, name string) (fs.ReadLinkFS, *image.Config, error) {
	locations, err := o.registry.locations(p)
	if err != nil {
		return nil, nil, err
	}
	at, err := locations.Parse(name)
	if err != nil {
		return nil, nil, err
	}
	opt := image.Options{Reads: installer.Reads, MaxLayerSize: image.DefaultMaxLayerSize, Memory: &image.Memory{}, Scan: image.ScanAll, Program: "certgraft", Logger: p.log()}
	if o.platform != "" {
		platform, err := image.ParsePlatform(o.platform)
		if err != nil {
			return nil, nil, usagef("--platform: %w", err)
		}
		opt.Platforms = []image.Platform{platform}
	}
	img, err := at.Get(ctx)
	if err != nil {
		return nil, nil, err
	}
	return image.Root(ctx, img, opt)
}
