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

// open reads the manifests and configs of an image, and selects the images to
// update.
func (u *updater) open(ctx context.Context, img *Image) (*item, error) {
	u.reader.Relay = known.OpenRelay(ctx, img.Blobs(), u.opt.registries())
	top, err := u.load(ctx, img.Descriptor, img.Raw(), 0)
	if err == nil {
		err = u.selectParts(top)
	}
	return top, err
}

// load reads a manifest or index and everything below it except layers. An
// index cannot contain itself, since its digest names it. But indexes can nest
// to any depth, so maxDepth bounds it.
func (u *updater) load(ctx context.Context, d Descriptor, raw []byte, depth int) (*item, error) {
	if depth > maxDepth {
		return nil, errors.New("indexes are nested too deeply")
	}
	m, err := oci.ParseManifest(d.MediaType, raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.Digest, err)
	}
	it := &item{desc: d, raw: raw, manifest: m}
	switch {
	case oci.IsIndex(d.MediaType):
		it.kind = indexItem
		return it, u.loadChildren(ctx, it, depth)
	case depth > 0 && !u.holds(m):
		return absentItem(d), nil
	}
	return it, u.loadImage(ctx, it)
}

func (u *updater) loadChildren(ctx context.Context, it *item, depth int) error {
	if u.named += len(it.manifest.Manifests); u.named > maxManifests {
		err := fmt.Errorf("%s: the index names %d images, and up to %d are read", it.desc.Digest, u.named, maxManifests)
		return hint.Add(oci.WithKind(err, ErrRefused), "name one image of it by its digest, as REPOSITORY@sha256:…")
	}
	_, lacks := oci.Below(u.from).(oci.Haver) // then content below an unread manifest may be missing
	for _, d := range it.manifest.Manifests {
		var child *item
		var err error
		switch {
		case !oci.Has(u.from, d):
			child = absentItem(d)
		case d.Annotations[oci.ReferenceType] != "":
			child = &item{kind: attestationItem, desc: d}
		case !oci.IsIndex(d.MediaType) && !oci.IsManifest(d.MediaType):
			child = &item{kind: otherItem, desc: d, left: "it is no image but " + d.MediaType}
		case d.Platform != nil && !u.wants(*d.Platform) && (!lacks || !u.opt.KeepOtherPlatforms):
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

// Bounds on an index: the depth of nested indexes, and the entries of all of
// them together.
const (
	maxDepth     = 8
	maxManifests = 5000
)

// absentItem returns an entry of the index whose content the place of the image
// lacks. An engine saves the index of all platforms, but only the platforms
// that it pulled.
func absentItem(d Descriptor) *item {
	it := &item{kind: imageItem, desc: d, absent: true, dropped: "its content is missing: only a part of the index was saved"}
	switch {
	case d.Annotations[oci.ReferenceType] != "":
		it.kind = attestationItem
	case oci.IsIndex(d.MediaType):
		it.kind = indexItem
	case !oci.IsManifest(d.MediaType):
		it.kind = otherItem
	}
	return it
}

// holds reports whether the place of the image has its config and its layers.
func (u *updater) holds(m *oci.Manifest) bool {
	return !slices.ContainsFunc(oci.BlobsOf(m), func(d Descriptor) bool { return !oci.Has(u.from, d) })
}

// loadImage reads the config. It marks manifests that are not images:
// signatures, charts, unmarked attestations.
func (u *updater) loadImage(ctx context.Context, it *item) error {
	if !oci.IsImageConfig(it.manifest.Config.MediaType) || it.manifest.ArtifactType != "" {
		it.kind, it.left = otherItem, "it is no image but "+firstNot("", it.manifest.ArtifactType, it.manifest.Config.MediaType)
		return nil
	}
	if slices.ContainsFunc(it.manifest.Layers, func(d Descriptor) bool { return strings.HasPrefix(d.MediaType, "application/vnd.in-toto") }) {
		it.kind = attestationItem
		return nil
	}
	if i := slices.IndexFunc(it.manifest.Layers, func(d Descriptor) bool { return !oci.IsLayer(d) }); i >= 0 {
		it.kind, it.left = otherItem, "it is no image but layers of "+it.manifest.Layers[i].MediaType
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

// selectParts decides which images are updated, dropped, or left unchanged.
func (u *updater) selectParts(top *item) error {
	matched := map[Platform]bool{}
	var offered, absent, others []string
	for it := range top.all() {
		switch {
		case it.kind == otherItem && !it.absent:
			others = append(others, it.left)
			continue
		case it.kind != imageItem:
			continue
		case it.absent:
			absent = appendNew(absent, it.platform().String())
			continue
		}
		p := it.platform()
		offered = appendNew(offered, p.String())
		u.selectImage(it, p)
		for _, want := range u.opt.Platforms {
			matched[want] = matched[want] || want.Covers(p)
		}
	}
	for _, want := range u.opt.Platforms {
		if !matched[want] {
			return hint.Add(oci.WithKind(fmt.Errorf("it holds no image for %s", want), ErrUsage), offers(offered, absent))
		}
	}
	switch {
	case len(offered) == 0 && len(absent) > 0:
		return hint.Add(errors.New("it holds no image"), offers(nil, absent))
	case len(offered) == 0 && len(others) > 0:
		return hint.Add(fmt.Errorf("it holds no image, but %s", strings.TrimPrefix(others[0], "it is no image but ")), "it may be an artifact: a chart, a signature, a bill of materials")
	case len(offered) == 0:
		return hint.Add(errors.New("it holds no image"), "it may be an artifact: a chart, a signature, a bill of materials")
	}
	return nil
}

// selectImage decides what happens to one image.
func (u *updater) selectImage(it *item, p Platform) {
	switch {
	case u.wants(p) && p.OS == "windows":
		it.left = "it is a Windows image, which keeps its trust in the registry"
	case u.wants(p):
		it.selected = true
	case u.opt.KeepOtherPlatforms:
		it.left = "--platform leaves it out"
	default:
		it.dropped = "--platform leaves it out"
	}
}

func appendNew(all []string, text string) []string {
	if slices.Contains(all, text) {
		return all
	}
	return append(all, text)
}

// offers lists the platforms to choose from.
func offers(there, absent []string) string {
	var all []string
	if len(there) > 0 {
		all = append(all, "it has "+strings.Join(there, ", "))
	}
	if len(absent) > 0 {
		all = append(all, "its index names "+strings.Join(absent, ", ")+" too, whose content is missing: pull or save that platform first")
	}
	return strings.Join(all, "; ")
}

// wants reports whether to update images for the platform.
func (u *updater) wants(p Platform) bool {
	return len(u.opt.Platforms) == 0 || slices.ContainsFunc(u.opt.Platforms, func(want Platform) bool { return want.Covers(p) })
}
