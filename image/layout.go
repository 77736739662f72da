package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"time"
)

// Annotations by which an OCI layout names what is in it.
const (
	refName        = "org.opencontainers.image.ref.name"
	containerdName = "io.containerd.image.name"
)

const layoutMark = `{"imageLayoutVersion":"1.0.0"}`

// files is where the files of a layout are: a directory, or an archive.
type files interface {
	openFile(name string) (io.ReadCloser, error) // fs.ErrNotExist if there is none
}

// layout is an OCI image layout. It implements blobs.
type layout struct{ files }

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

// layoutDir is an image in a directory.
type layoutDir struct{ text, dir, tag string }

func (l *layoutDir) String() string { return l.text }

// dirFiles are the files of a directory.
type dirFiles struct{ root *os.Root }

func (d dirFiles) openFile(name string) (io.ReadCloser, error) { return d.root.Open(name) }

// Get implements [Location].
func (l *layoutDir) Get(ctx context.Context) (*Image, error) {
	root, err := os.OpenRoot(l.dir)
	if err != nil {
		return nil, withHint(fmt.Errorf("%s: %w", l.text, err), "name the directory that has oci-layout and index.json in it")
	}
	return layout{dirFiles{root}}.get(ctx, l.text, l.tag)
}

// Put implements [Location]. What the layout has of the image stays; its index
// is replaced last.
func (l *layoutDir) Put(ctx context.Context, img *Image) error {
	if err := os.MkdirAll(l.dir, 0o755); err != nil {
		return fmt.Errorf("%s: %w", l.text, err)
	}
	root, err := os.OpenRoot(l.dir)
	if err != nil {
		return fmt.Errorf("%s: %w", l.text, err)
	}
	defer root.Close()
	err = img.contents(ctx, func(d Descriptor, open func() (io.ReadCloser, error)) error { return putBlob(root, d, open) })
	if err != nil {
		return fmt.Errorf("%s: %w", l.text, err)
	}
	if err := l.putIndex(ctx, root, img); err != nil {
		return fmt.Errorf("%s: %w", l.text, err)
	}
	return nil
}

func putBlob(root *os.Root, d Descriptor, open func() (io.ReadCloser, error)) error {
	if info, err := root.Stat(d.Digest.path()); err == nil && info.Size() == d.Size {
		return nil
	}
	if err := root.MkdirAll(path.Dir(d.Digest.path()), 0o755); err != nil {
		return err
	}
	body, err := open()
	if err != nil {
		return err
	}
	defer body.Close()
	return replaceFile(root, d.Digest.path(), func(w io.Writer) error {
		_, err := io.Copy(w, body)
		return err
	})
}

// putIndex enters the image in the index. Another that does the same waits, or it
// would lose what this one enters. That takes a moment: a lock that is not free
// after a minute is held for something else, and is not waited for longer.
func (l *layoutDir) putIndex(ctx context.Context, root *os.Root, img *Image) error {
	lock, err := root.Open(".")
	if err != nil {
		return err
	}
	defer lock.Close()
	for try := 0; try < 6000 && errors.Is(syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), syscall.EWOULDBLOCK); try++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	raw, err := root.ReadFile("index.json")
	if errors.Is(err, fs.ErrNotExist) {
		raw, err = []byte(`{"schemaVersion":2,"mediaType":"`+ociIndex+`","manifests":[]}`), nil
	}
	if err != nil {
		return err
	}
	now, err := enterImage(raw, img.Descriptor, l.tag)
	if err != nil {
		return fmt.Errorf("index.json: %w", err)
	}
	put := func(name, data string) error {
		return replaceFile(root, name, func(w io.Writer) error { _, err := io.WriteString(w, data); return err })
	}
	if _, err := root.ReadFile("oci-layout"); err != nil {
		if err := put("oci-layout", layoutMark); err != nil {
			return err
		}
	}
	if string(now) == string(raw) {
		return nil
	}
	return put("index.json", string(now))
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

// contents calls visit for everything that the image is made of, once each,
// what is named before what names it.
func (img *Image) contents(ctx context.Context, visit func(d Descriptor, open func() (io.ReadCloser, error)) error) error {
	seen := map[Digest]bool{}
	var walk func(d Descriptor, raw []byte) error
	walk = func(d Descriptor, raw []byte) error {
		if seen[d.Digest] {
			return nil
		}
		seen[d.Digest] = true
		m, err := parseManifest(d.MediaType, raw)
		if err != nil {
			return err
		}
		for _, child := range m.Manifests {
			raw, err := read(ctx, img.from, child)
			if err != nil {
				return err
			}
			if err := walk(child, raw); err != nil {
				return err
			}
		}
		for _, blob := range blobsOf(m) {
			if seen[blob.Digest] {
				continue
			}
			seen[blob.Digest] = true
			if err := visit(blob, func() (io.ReadCloser, error) { return img.openVerified(ctx, blob) }); err != nil {
				return fmt.Errorf("copy %s: %w", blob.Digest, err)
			}
		}
		return visit(d, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(string(raw))), nil })
	}
	return walk(img.Descriptor, img.raw)
}

// openVerified opens a blob; reading it fails if it is not what its digest says.
func (img *Image) openVerified(ctx context.Context, d Descriptor) (io.ReadCloser, error) {
	body, err := img.from.open(ctx, d)
	if err != nil {
		return nil, err
	}
	v, err := newVerifier(body, d)
	if err != nil {
		body.Close()
		return nil, err
	}
	return readCloser{v, body}, nil
}

type readCloser struct {
	io.Reader
	io.Closer
}
