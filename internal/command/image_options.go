package command

import (
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/hint"
)

// imageOptions are the flags that say which parts of an image are read and
// written.
type imageOptions struct {
	platforms, labels, annotations  cli.StringSlice
	keepPlatforms, keepAttestations bool
	scan, layer                     string
	requireFullScan                 bool
	maxLayerSize                    int64
	jobs                            int
}

func (o *imageOptions) flags() []cli.Flag {
	return []cli.Flag{
		wordsFlag{&cli.StringSliceFlag{Name: "platform", Category: imageFlags, Usage: "patch only the images for `OS/ARCH`[/VARIANT] and drop the others", Destination: &o.platforms}, platformWords},
		&cli.BoolFlag{Name: "keep-other-platforms", Category: imageFlags, Usage: "with --platform: keep the others as they are", Destination: &o.keepPlatforms},
		&cli.BoolFlag{Name: "keep-attestations", Category: imageFlags, Usage: "keep attestations, although they describe the unpatched image", Destination: &o.keepAttestations},
		wordFlag{&cli.StringFlag{Name: "scan", Category: imageFlags, Usage: "auto does not read layers that only copy to a place without trust stores; all reads everything", Value: "auto", Destination: &o.scan}, scans.words(), false},
		wordFlag{&cli.StringFlag{Name: "layer", Category: imageFlags, Usage: "append puts what changes on top as a layer; rewrite puts it into the layers that hold it, without adding a layer", Value: "append", Destination: &o.layer}, layerModes.words(), false},
		&cli.BoolFlag{Name: "require-full-scan", Category: imageFlags, Usage: "fail if a layer was not read", Destination: &o.requireFullScan},
		&cli.Int64Flag{Name: "max-layer-size", Category: imageFlags, Usage: "read layers that unpack to up to `BYTES`", Value: image.DefaultMaxLayerSize, Destination: &o.maxLayerSize},
		&cli.IntFlag{Name: "jobs", Category: imageFlags, Usage: "move `N` layers at a time", Value: 4, Destination: &o.jobs},
		&cli.StringSliceFlag{Name: "label", Category: imageFlags, Usage: "set the label `KEY=VALUE` in the config", Destination: &o.labels},
		&cli.StringSliceFlag{Name: "annotation", Category: imageFlags, Usage: "set the annotation `KEY=VALUE` in OCI manifests and indexes", Destination: &o.annotations},
	}
}

// layerCacheFlag is the flag of the commands that read layers and load no source.
func layerCacheFlag(dir *string) cli.Flag {
	return &cli.StringFlag{Name: "cache", Category: imageFlags, Usage: "keep what is known of layers in `DIR`", EnvVars: []string{"CERTGRAFT_CACHE"}, TakesFile: true, Destination: dir}
}

// Which layers are read, and where changes are written.
var (
	scans      = choices[image.Scan]{{"auto", image.ScanAuto}, {"all", image.ScanAll}}
	layerModes = choices[image.LayerMode]{{"append", image.LayerAppend}, {"rewrite", image.LayerRewrite}}
)

// platformWords are the platforms that most images are for.
var platformWords = []string{"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/ppc64le", "linux/s390x", "linux/riscv64"}

func (o *imageOptions) options(p *printer) (image.Options, error) {
	epoch, _, err := p.env.epoch()
	if err != nil {
		return image.Options{}, err
	}
	opt := image.Options{
		KeepOtherPlatforms: o.keepPlatforms, KeepAttestations: o.keepAttestations, Reads: installer.Reads, MaxLayerSize: o.maxLayerSize,
		Memory: &image.Memory{}, ModTime: epoch, Program: "certgraft", Logger: p.log(),
	}
	if opt.Scan, err = scans.find("scan", o.scan); err != nil {
		return opt, err
	}
	if opt.Layer, err = layerModes.find("layer", o.layer); err != nil {
		return opt, err
	}
	if o.jobs < 1 || o.maxLayerSize < 1 {
		return opt, usagef("--jobs and --max-layer-size are at least 1")
	}
	for _, text := range o.platforms.Value() {
		platform, err := image.ParsePlatform(text)
		if err != nil {
			return opt, usagef("--platform: %w", err)
		}
		opt.Platforms = append(opt.Platforms, platform)
	}
	if opt.Labels, err = pairs("label", o.labels.Value()); err != nil {
		return opt, err
	}
	opt.Annotations, err = pairs("annotation", o.annotations.Value())
	return opt, err
}

// pairs reads values of the form KEY=VALUE.
func pairs(flag string, values []string) (map[string]string, error) {
	all := map[string]string{}
	for _, kv := range values {
		key, value, ok := strings.Cut(kv, "=")
		if !ok || key == "" {
			return nil, usagef("--%s %s: it is KEY=VALUE", flag, kv)
		}
		all[key] = value
	}
	return all, nil
}

// fullyRead refuses an image with an unread layer if --require-full-scan is set.
func (o *imageOptions) fullyRead(updated *image.Result) error {
	if !o.requireFullScan {
		return nil
	}
	for _, part := range updated.Parts {
		for _, u := range part.Skipped {
			return hint.Add(refusedf("%s: the layer that copies to %s was not read", part.Platform, u.Path), "use --scan all")
		}
	}
	return nil
}
