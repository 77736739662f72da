package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
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

func (l layout) open(ctx context.Context, d Descriptor) (io.ReadCloser, error) {
	if _, err := d.Digest.newHash(); err != nil {
		return nil, err
	}
	f, err := l.openFile(d.Digest.path())
	return fileOf(ctx, f, err)
}

func (l layout) readSmall(name string) ([]byte, error) {
	f, err := l.openFile(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxDocument+1))
	if err == nil && len(data) > maxDocument {
		err = fmt.Errorf("%s is larger than any is", name)
	}
	return data, err
}

// get returns the image that tag names, or the only one.
func (l layout) get(ctx context.Context, text, tag string) (*Image, error) {
	raw, err := l.readSmall("index.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, withHint(fmt.Errorf("%s is not an OCI layout: it has no index.json", text), "an archive that docker save wrote is docker-archive:FILE")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	index, err := parseManifest(ociIndex, raw)
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
func (l layout) image(ctx context.Context, text string, d Descriptor) (*Image, error) {
	raw, err := read(ctx, l, d)
	if err != nil {
		return nil, err
	}
	if d.MediaType, err = mediaTypeOf(raw, d.MediaType); err != nil {
		return nil, err
	}
	img := newImage(d, raw, l)
	img.Name = text
	return img, nil
}

func choose(all []Descriptor, tag string) (Descriptor, error) {
	var found []Descriptor
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
		return Descriptor{}, withHint(withKind(fmt.Errorf("it holds %d images", len(found)), ErrUsage), "choose one by its tag: "+strings.Join(names, ", "))
	case tag == "":
		return Descriptor{}, errors.New("it holds no image")
	}
	return Descriptor{}, withHint(withKind(fmt.Errorf("it holds nothing with the tag %s", tag), ErrUsage), "it has: "+strings.Join(names, ", "))
}

// isNamed reports whether an entry of a layout has the name: by the annotation of
// the specification, or by that of containerd. With "" it has none.
func isNamed(d Descriptor, tag string) bool {
	name, full := d.Annotations[refName], d.Annotations[containerdName]
	if tag == "" {
		return name == "" && full == ""
	}
	return name == tag || full == tag
}

// enterImage has the index of a layout name an image by its tag, in the place
// of the one that had it, whose other names stay. Without a tag it takes the
// place of the only image without one.
func enterImage(raw []byte, d Descriptor, tag string) ([]byte, error) {
	if err := exact(raw, &manifest{}); err != nil {
		return nil, err
	}
	o, err := parseObject(raw)
	if err != nil {
		return nil, err
	}
	var entries []json.RawMessage
	if err := o.get("manifests", &entries); err != nil {
		return nil, err
	}
	place := len(entries)
	for i, entry := range entries {
		var was Descriptor
		if err := json.Unmarshal(entry, &was); err != nil {
			return nil, err
		}
		if isNamed(was, tag) || len(entries) == 1 && tag == "" {
			place = i
		}
	}
	added := place == len(entries)
	if added {
		entries = append(entries, json.RawMessage("{}"))
	}
	e, err := redirect(entries[place], d)
	if err != nil {
		return nil, err
	}
	entry, err := parseObject(e)
	if err != nil {
		return nil, err
	}
	if err := entry.set("mediaType", d.MediaType); err != nil {
		return nil, err
	}
	if added && tag != "" {
		if err := entry.setAll("annotations", map[string]string{refName: tag}); err != nil {
			return nil, err
		}
	}
	entries[place] = entry.encode()
	if err := o.set("manifests", entries); err != nil {
		return nil, err
	}
	return o.encode(), nil
}
