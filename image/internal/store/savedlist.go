package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/hint"
)

// enterSaved enters an image in manifest.json by its names in an engine. Other
// images lose these names, and an image without a remaining name is removed.
// Without names, the image replaces the only image and takes its names.
func enterSaved(raw []byte, one saved) ([]byte, error) {
	var all []saved
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", savedFile, err)
	}
	list, err := oci.ParseList(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", savedFile, err)
	}
	if len(one.RepoTags) == 0 && len(all) == 1 {
		one.RepoTags = all[0].RepoTags
	}
	place := -1
	for i, was := range slices.Backward(all) {
		left := was.without(one.RepoTags)
		switch {
		case was.sameAs(one):
			one.RepoTags = append(slices.Clone(was.RepoTags), one.without(was.RepoTags)...)
			fallthrough
		case len(left) == 0 && (len(was.RepoTags) > 0 || len(all) == 1):
			if place >= 0 {
				list.Remove(place)
			}
			place = i
		case len(left) < len(was.RepoTags):
			if err := renameSaved(list, i, left); err != nil {
				return nil, err
			}
		}
	}
	switch {
	case place < 0:
		err = list.Append(one)
	case !all[place].sameAs(one) || !slices.Equal(all[place].RepoTags, one.RepoTags):
		err = list.Set(place, one)
	}
	return list.Encode(), err
}

func (s saved) sameAs(other saved) bool {
	return s.Config == other.Config && slices.Equal(s.Layers, other.Layers)
}

// without returns the names of an image that are not in names.
func (s saved) without(names []string) []string {
	return slices.DeleteFunc(slices.Clone(s.RepoTags), func(tag string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return sameImage(name, tag) })
	})
}

// renameSaved gives an entry of manifest.json other names. It keeps a member in
// lower case, which readers accept too.
func renameSaved(list *oci.List, i int, names []string) error {
	entry, err := list.Object(i)
	if err != nil {
		return err
	}
	key := "RepoTags"
	if entry.Raw("repoTags") != nil {
		key = "repoTags"
	}
	if err := entry.Set(key, names); err != nil {
		return err
	}
	return list.Set(i, entry)
}

// savedOf returns an image as an entry of manifest.json. at returns the names
// of its files. From an index with several platforms it takes the first, if
// several is set.
func savedOf(ctx context.Context, img *oci.Image, names []string, at func(oci.Digest) string, several bool) (saved, error) {
	one, err := single(ctx, img, several)
	if err != nil {
		return saved{}, err
	}
	m, err := oci.ParseManifest(one.Descriptor.MediaType, one.Raw())
	if err != nil {
		return saved{}, err
	}
	s := saved{Config: at(m.Config.Digest), RepoTags: names, Layers: []string{}}
	for _, l := range m.Layers {
		if oci.IsForeign(l.MediaType) {
			return saved{}, fmt.Errorf("the layer %s may not be copied into an archive", l.Digest)
		}
		s.Layers = append(s.Layers, at(l.Digest))
	}
	return s, nil
}

// single returns the only image of an index, attestations aside. If several is
// set, it returns the first: engines that save an index read it and ignore
// manifest.json.
func single(ctx context.Context, img *oci.Image, several bool) (*oci.Image, error) {
	if !oci.IsIndex(img.Descriptor.MediaType) {
		return img, nil
	}
	m, err := oci.ParseManifest(img.Descriptor.MediaType, img.Raw())
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(m.Manifests, func(d oci.Descriptor) bool { return d.Annotations[oci.ReferenceType] != "" })
	if len(all) == 0 || len(all) > 1 && !several {
		return nil, hint.Add(oci.WithKind(fmt.Errorf("an archive for docker load holds one image, and there are %d", len(all)), oci.ErrUsage), "choose one with --platform, or write oci-archive:FILE")
	}
	raw, err := oci.Read(ctx, img.Blobs(), all[0])
	if err != nil {
		return nil, err
	}
	return single(ctx, img.With(all[0], raw, img.Blobs()), several)
}
