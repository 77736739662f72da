package image

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/image/internal/known"
	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/hint"
)

// open reads the manifests and configs of an image, and selects what is updated.
func (u *updater) open(ctx context.Context, img *Image) (*item, error) {
	u.reader.Relay = known.OpenRelay(ctx, img.Blobs(), u.opt.registries())
	top, err := u.load(ctx, img.Descriptor, img.Raw(), 0)
	if err == nil {
		err = u.selectParts(top)
	}
	return top, err
}

// load reads a manifest or index and all that it holds, but for layers. An
// index cannot hold itself, since it is named by its digest; it can be as deep
// as someone likes.
func (u *updater) load(ctx context.Context, d Descriptor, raw []byte, depth int) (*item, error) {
	if depth > maxDepth {
		return nil, errors.New("indexes are nested too deeply")
	}
	m, err := oci.ParseManifest(d.MediaType, raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.Digest, err)
	}
	it := &item{desc: d, raw: raw, manifest: m}
	if oci.IsIndex(d.MediaType) {
		it.kind = indexItem
		return it, u.loadChildren(ctx, it, depth)
	}
	return it, u.loadImage(ctx, it)
}

func (u *updater) loadChildren(ctx context.Context, it *item, depth int) error {
	for _, d := range it.manifest.Manifests {
		var child *item
		var err error
		switch {
		case d.Annotations[oci.ReferenceType] != "":
			child = &item{kind: attestationItem, desc: d}
		case !oci.IsIndex(d.MediaType) && !oci.IsManifest(d.MediaType):
			child = &item{kind: otherItem, desc: d, left: "it is no image but " + d.MediaType}
		case d.Platform != nil && !u.wants(*d.Platform):
			child = &item{kind: imageItem, desc: d}
		default:
			raw, readErr := oci.Read(ctx, u.from, d)
			if readErr != nil {
				return readErr
			}
			child, err = u.load(ctx, d, raw, depth+1)
		}
		if err != nil {
			return err
		}
		it.children = append(it.children, child)
	}
	return nil
}

const maxDepth = 8

// loadImage reads the config and tells what is no image: signatures, charts,
// attestations without a mark.
func (u *updater) loadImage(ctx context.Context, it *item) error {
	if !oci.IsImageConfig(it.manifest.Config.MediaType) || it.manifest.ArtifactType != "" {
		it.kind, it.left = otherItem, "it is no image but "+firstNot("", it.manifest.ArtifactType, it.manifest.Config.MediaType)
		return nil
	}
	if slices.ContainsFunc(it.manifest.Layers, func(d Descriptor) bool { return strings.HasPrefix(d.MediaType, "application/vnd.in-toto") }) {
		it.kind = attestationItem
		return nil
	}
	var err error
	if it.rawConfig, err = oci.Read(ctx, u.from, *it.manifest.Config); err != nil {
		return err
	}
	if it.config, err = oci.ParseConfig(it.rawConfig, it.manifest.Layers); err != nil {
		return fmt.Errorf("%s: %w", it.desc.Digest, err)
	}
	return nil
}

func firstNot(not string, values ...string) string {
	i := slices.IndexFunc(values, func(v string) bool { return v != not })
	return values[max(i, 0)]
}

// selectParts decides what is updated, dropped, and left as it is.
func (u *updater) selectParts(top *item) error {
	matched := map[Platform]bool{}
	var offered []string
	for it := range top.all() {
		if it.kind != imageItem {
			continue
		}
		p := it.platform()
		if !slices.Contains(offered, p.String()) {
			offered = append(offered, p.String())
		}
		switch {
		case !u.wants(p):
			if it.dropped = "--platform leaves it out"; u.opt.KeepOtherPlatforms {
				it.dropped, it.left = "", "--platform leaves it out"
			}
			continue
		case p.OS == "windows":
			it.left = "it is a Windows image, which keeps its trust in the registry"
		default:
			it.selected = true
		}
		for _, want := range u.opt.Platforms {
			matched[want] = matched[want] || want.Covers(p)
		}
	}
	for _, want := range u.opt.Platforms {
		if !matched[want] {
			return hint.Add(oci.WithKind(fmt.Errorf("there is no image for %s", want), ErrUsage), "it has "+strings.Join(offered, ", "))
		}
	}
	if len(offered) == 0 {
		return hint.Add(errors.New("there is no image in it"), "it may be an artifact: a chart, a signature, a bill of materials")
	}
	return nil
}

// wants reports whether images for the platform are to be updated.
func (u *updater) wants(p Platform) bool {
	return len(u.opt.Platforms) == 0 || slices.ContainsFunc(u.opt.Platforms, func(want Platform) bool { return want.Covers(p) })
}
