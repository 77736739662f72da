package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/hint"
)

// files is where the files of a layout are: a directory, or an archive.
type files interface {
	openFile(name string) (io.ReadCloser, error) // fs.ErrNotExist if there is none
}

// layout is an OCI image layout. It implements blobs.
type layout struct{ files }

const layoutMark = `{"imageLayoutVersion":"1.0.0"}`

// Annotations by which an OCI layout names what is in it.
const (
	refName        = "org.opencontainers.image.ref.name"
	containerdName = "io.containerd.image.name"
)

func (l layout) Open(ctx context.Context, d oci.Descriptor) (io.ReadCloser, error) {
	if _, err := d.Digest.NewHash(); err != nil {
		return nil, err
	}
	f, err := l.openFile(d.Digest.Path())
	return oci.FileOf(ctx, f, err)
}

func (l layout) readSmall(name string) ([]byte, error) {
	f, err := l.openFile(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, oci.MaxDocument+1))
	if err == nil && len(data) > oci.MaxDocument {
		err = fmt.Errorf("%s is larger than any is", name)
	}
	return data, err
}

// get returns the image that tag names, or the only one.
func (l layout) get(ctx context.Context, text, tag string) (*oci.Image, error) {
	raw, err := l.readSmall("index.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hint.Add(fmt.Errorf("%s is not an OCI layout: it has no index.json", text), "an archive that docker save wrote is docker-archive:FILE")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	index, err := oci.ParseManifest(oci.IndexType, raw)
	if err != nil {
		return nil, fmt.Errorf("%s: index.json: %w", text, err)
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
	var names []string
	for _, d := range all {
		name := d.Annotations[refName]
		if tag == "" || isNamed(d, tag) {
			found = append(found, d)
		}
		if name != "" {
			names = append(names, name)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return oci.Descriptor{}, hint.Add(oci.WithKind(fmt.Errorf("it holds %d images", len(found)), oci.ErrUsage), "choose one by its tag: "+strings.Join(names, ", "))
	case tag == "":
		return oci.Descriptor{}, errors.New("it holds no image")
	}
	return oci.Descriptor{}, hint.Add(oci.WithKind(fmt.Errorf("it holds nothing with the tag %s", tag), oci.ErrUsage), "it has: "+strings.Join(names, ", "))
}

// isNamed reports whether an entry of a layout has the name: by the annotation of
// the specification, or by that of containerd. With "" it has none.
func isNamed(d oci.Descriptor, tag string) bool {
	name, full := d.Annotations[refName], d.Annotations[containerdName]
	if tag == "" {
		return name == "" && full == ""
	}
	return name == tag || full == tag
}

// enterImage has the index of a layout name an image by its tag, in the place
// of the one that had it, whose other names stay. Without a tag it takes the
// place of the only image without one.
func enterImage(raw []byte, d oci.Descriptor, tag string) ([]byte, error) {
	if err := oci.DecodeStrict(raw, &oci.Manifest{}); err != nil {
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
	place := entries.Len()
	for i := range place {
		var was oci.Descriptor
		if err := json.Unmarshal(entries.Raw(i), &was); err != nil {
			return nil, err
		}
		if isNamed(was, tag) || entries.Len() == 1 && tag == "" {
			place = i
		}
	}
	added := place == entries.Len()
	if added {
		if err := entries.Append(struct{}{}); err != nil {
			return nil, err
		}
	}
	entry, err := entries.Object(place)
	if err != nil {
		return nil, err
	}
	err = entry.Redirect(d, nil)
	if added && tag != "" {
		err = errors.Join(err, entry.SetAll("annotations", map[string]string{refName: tag}))
	}
	err = errors.Join(err, entries.Set(place, entry), o.Set("manifests", entries))
	return o.Encode(), err
}
