package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/hint"
)

// files reads the files of a layout: from a directory or an archive.
type files interface {
	openFile(name string) (io.ReadCloser, error) // fs.ErrNotExist if it is missing
	has(name string) bool
}

// layout is an OCI image layout. It implements [oci.Blobs].
type layout struct{ files }

const layoutMark = `{"imageLayoutVersion":"1.0.0"}`

// savedFile lists the images in an archive from docker save.
const savedFile = "manifest.json"

func (l layout) Open(ctx context.Context, d oci.Descriptor) (io.ReadCloser, error) {
	if _, err := d.Digest.NewHash(); err != nil {
		return nil, err
	}
	f, err := l.openFile(d.Digest.Path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hint.Add(err, "a part of the image is missing: copy or save it again, with all its parts")
	}
	return oci.FileOf(ctx, f, err)
}

// Has implements [oci.Haver].
func (l layout) Has(d oci.Descriptor) bool {
	_, err := d.Digest.NewHash()
	return err == nil && l.has(d.Digest.Path())
}

func (l layout) readSmall(name string) ([]byte, error) {
	f, err := l.openFile(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, oci.MaxDocument+1))
	if err == nil && len(data) > oci.MaxDocument {
		err = fmt.Errorf("%s exceeds 8 MiB", name)
	}
	return data, err
}

// get returns the image with the tag, or the only image.
func (l layout) get(ctx context.Context, text, tag string) (*oci.Image, error) {
	raw, err := l.readSmall("index.json")
	if errors.Is(err, fs.ErrNotExist) {
		advice := "an OCI layout has index.json at its top: make one with skopeo copy … oci:DIR"
		if l.has(savedFile) {
			advice = "docker save wrote it: name it docker-archive:FILE"
		}
		return nil, hint.Add(fmt.Errorf("%s is not an OCI layout: it has no index.json", text), advice)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	index, err := parseIndex(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	d, err := choose(index.Manifests, tag)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	img, err := l.image(ctx, text, d)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	return img, nil
}

// parseIndex reads an index.json.
func parseIndex(raw []byte) (*oci.Manifest, error) {
	index, err := oci.ParseManifest(oci.IndexType, raw)
	if err == nil {
		return index, nil
	}
	var says struct{ MediaType string }
	if json.Unmarshal(raw, &says) == nil && says.MediaType != "" && says.MediaType != oci.IndexType {
		return nil, hint.Add(fmt.Errorf("index.json: it says that it is %s, and a layout's is %s", says.MediaType, oci.IndexType), "it may be a manifest in its place: make the layout anew, with skopeo copy … oci:DIR")
	}
	return nil, fmt.Errorf("index.json: %w", err)
}

// image returns the image that d describes.
func (l layout) image(ctx context.Context, text string, d oci.Descriptor) (*oci.Image, error) {
	raw, err := oci.Read(ctx, l, d)
	if err != nil {
		return nil, err
	}
	if d.MediaType, err = oci.MediaTypeOf(raw, d.MediaType); err != nil {
		return nil, err
	}
	img := oci.NewImage(d, raw, l)
	img.Name = text
	return img, nil
}

func choose(all []oci.Descriptor, tag string) (oci.Descriptor, error) {
	var found []oci.Descriptor
	for _, d := range all {
		if tag == "" || layoutName(tag).isOf(d) {
			found = append(found, d)
		}
	}
	switch {
	case len(found) == 1, len(found) > 1 && tag != "" && sameContent(found):
		return found[0], nil
	case len(found) > 1:
		return oci.Descriptor{}, hint.Add(oci.WithKind(fmt.Errorf("it holds %d images", len(found)), oci.ErrUsage), "choose one by its tag, or its digest: "+namesOf(found))
	case tag == "":
		return oci.Descriptor{}, errors.New("it holds no image")
	}
	return oci.Descriptor{}, hint.Add(oci.WithKind(fmt.Errorf("it holds nothing with the tag %s", tag), oci.ErrUsage), "it has: "+namesOf(all))
}

// emptyIndex is the index of an empty layout.
const emptyIndex = `{"schemaVersion":2,"mediaType":"` + oci.IndexType + `","manifests":[]}`

// enterImage points the entries with the names at an image. The other names of
// these entries stay. Without names, the image replaces the only image, or the
// only image without a name.
func enterImage(raw []byte, d oci.Descriptor, names []name) ([]byte, error) {
	var index oci.Manifest
	if err := oci.DecodeStrict(raw, &index); err != nil {
		return nil, err
	}
	o, err := oci.ParseObject(raw)
	if err != nil {
		return nil, err
	}
	entries, err := o.List("manifests")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = []name{{}}
	}
	for _, n := range names {
		places, err := n.placesIn(index.Manifests)
		if err != nil {
			return nil, err
		}
		for _, place := range places {
			if err := enter(entries, place, d, n); err != nil {
				return nil, err
			}
		}
	}
	if err := o.Set("manifests", entries); err != nil {
		return nil, err
	}
	return o.Encode(), nil
}

// placesIn returns the places of the entries with a name, which must all be of
// one image. It returns -1 for a new entry.
func (n name) placesIn(all []oci.Descriptor) ([]int, error) {
	var places []int
	var found []oci.Descriptor
	for i, d := range all {
		if n.isOf(d) || n == (name{}) && len(all) == 1 {
			places, found = append(places, i), append(found, d)
		}
	}
	switch {
	case len(found) == 0:
		return []int{-1}, nil
	case !sameContent(found):
		return nil, hint.Add(oci.WithKind(fmt.Errorf("it holds %d images of that name", len(found)), oci.ErrUsage), "name one in full: "+namesOf(found))
	}
	return places, nil
}

// enter points an entry at an image, or adds one.
func enter(entries *oci.List, place int, d oci.Descriptor, n name) error {
	if place < 0 {
		place = entries.Len()
		if err := entries.Append(struct{}{}); err != nil {
			return err
		}
	}
	entry, err := entries.Object(place)
	if err != nil {
		return err
	}
	notes, err := entry.Child("annotations")
	if err != nil {
		return err
	}
	wanted := n.annotations()
	maps.DeleteFunc(wanted, func(key, _ string) bool { return notes.Raw(key) != nil })
	return errors.Join(entry.Redirect(d, nil), entry.SetAll("annotations", wanted), entries.Set(place, entry))
}
