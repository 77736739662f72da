package store

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/certgraft/certgraft/image/internal/layer"
	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/hint"
)

// entry says how to enter an image in an archive.
type entry struct {
	tag    string
	docker bool            // write manifest.json for docker load
	kind   oci.Compression // of a new archive
}

// edition is the new form of an archive with an image entered. All content
// stays, except the files that only the replaced image needs.
type edition struct {
	was         *contents // nil for a new archive
	img         *oci.Image
	kind        oci.Compression
	index, list []byte // new index.json and manifest.json; nil if the file is missing
	changed     bool   // the archive must be written

	files  map[oci.Digest]string     // files that are not named by the digest of their content
	needed map[string]oci.Descriptor // parts of the image, by the names of files
	gone   map[string]bool           // files to drop
}

// newEdition enters an image in the contents of an archive.
func newEdition(ctx context.Context, was *contents, img *oci.Image, as entry) (*edition, error) {
	e := &edition{was: was, img: img, kind: as.kind, needed: map[string]oci.Descriptor{}}
	index, list := []byte(emptyIndex), []byte(nil)
	if was != nil {
		var err error
		if index, list, err = was.documents(ctx); err != nil {
			return nil, err
		}
		e.kind = was.kind
	}
	if index == nil {
		e.files = was.classic(ctx, list)
	}
	if err := e.enter(ctx, index, list, as); err != nil {
		return nil, err
	}
	e.changed = !bytes.Equal(index, e.index) || !bytes.Equal(list, e.list)
	err := e.contents(ctx, func(d oci.Descriptor, _ func() (io.ReadCloser, error)) error {
		e.needed[e.fileOf(d.Digest)] = d
		e.changed = e.changed || !e.has(d)
		return nil
	})
	if was != nil {
		e.gone = was.without(was.names(index, list), was.names(e.index, e.list), e.needed)
	}
	return e, err
}

// enter edits index.json and manifest.json. It adds no index.json to an archive
// with only manifest.json: an engine that finds index.json reads nothing else.
func (e *edition) enter(ctx context.Context, index, list []byte, as entry) (err error) {
	names, engineNames := layoutNames(as.tag), []string(nil)
	switch {
	case as.docker && as.tag != "":
		engineNames = []string{tagged(as.tag)}
	case as.docker:
		engineNames = slices.Clone(e.img.Tags)
	case index == nil:
		return hint.Add(errors.New("it has no OCI layout to put an image into"), "an archive that docker save wrote is docker-archive:FILE")
	default:
		if engineNames, err = enginesNames(index, names); err != nil {
			return fmt.Errorf("index.json: %w", err)
		}
	}
	if as.docker {
		names = nil
		for _, n := range engineNames {
			names = append(names, engineName(n))
		}
	}
	if index != nil {
		if e.index, err = enterImage(index, e.img.Descriptor, names); err != nil {
			return fmt.Errorf("index.json: %w", err)
		}
	}
	if !as.docker && list == nil {
		return nil
	}
	one, err := savedOf(ctx, e.img, engineNames, e.fileOf, !as.docker || len(e.img.Tags) > 0)
	if err != nil {
		return err
	}
	if list == nil {
		list = []byte("[]")
	}
	e.list, err = enterSaved(list, one)
	return err
}

// enginesNames returns the names that engines give to the images in the index
// of a layout with one of the names.
func enginesNames(index []byte, names []name) ([]string, error) {
	var all oci.Manifest
	if err := oci.DecodeStrict(index, &all); err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = []name{{}}
	}
	var found []string
	for _, n := range names {
		places, err := n.placesIn(all.Manifests)
		if err != nil {
			return nil, err
		}
		if n.full != "" {
			found = append(found, n.full)
		}
		for _, place := range places {
			if place >= 0 && all.Manifests[place].Annotations[containerdName] != "" {
				found = append(found, all.Manifests[place].Annotations[containerdName])
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// contents calls visit for each part of the image. It leaves out manifests if
// no index.json names them.
func (e *edition) contents(ctx context.Context, visit func(d oci.Descriptor, open func() (io.ReadCloser, error)) error) error {
	return e.img.Contents(ctx, func(d oci.Descriptor, open func() (io.ReadCloser, error)) error {
		if e.index == nil && (oci.IsManifest(d.MediaType) || oci.IsIndex(d.MediaType)) {
			return nil
		}
		return visit(d, open)
	})
}

// fileOf returns the name of the file for a digest.
func (e *edition) fileOf(digest oci.Digest) string {
	if name, ok := e.files[digest]; ok {
		return name
	}
	return digest.Path()
}

// has reports whether the archive already has the content.
func (e *edition) has(d oci.Descriptor) bool {
	if e.was == nil {
		return false
	}
	at, err := e.was.find(layer.CleanName(e.fileOf(d.Digest)))
	return err == nil && at.size == d.Size
}

// write writes the archive. The same archive and image give the same bytes.
func (e *edition) write(ctx context.Context, w io.Writer) error {
	buf := bufio.NewWriterSize(w, 1<<20)
	z, err := packer(buf, e.kind)
	if err != nil {
		return err
	}
	out := tar.NewWriter(z)
	if err := e.writeFiles(ctx, out); err != nil {
		return err
	}
	return errors.Join(out.Close(), z.Close(), buf.Flush())
}

func (e *edition) writeFiles(ctx context.Context, out *tar.Writer) error {
	var err error
	if e.was == nil {
		err = putFile(out, "oci-layout", int64(len(layoutMark)), strings.NewReader(layoutMark))
	} else {
		err = e.copyKept(ctx, out)
	}
	if err != nil {
		return err
	}
	err = e.contents(ctx, func(d oci.Descriptor, open func() (io.ReadCloser, error)) error {
		if e.has(d) {
			return nil
		}
		body, err := open()
		if err != nil {
			return err
		}
		defer body.Close()
		return putFile(out, e.fileOf(d.Digest), d.Size, body)
	})
	if err == nil && e.index != nil {
		err = putFile(out, "index.json", int64(len(e.index)), bytes.NewReader(e.index))
	}
	if err == nil && e.list != nil {
		err = putFile(out, savedFile, int64(len(e.list)), bytes.NewReader(e.list))
	}
	return err
}

// copyKept copies the kept files of the archive. It verifies those that the
// image needs.
func (e *edition) copyKept(ctx context.Context, out *tar.Writer) error {
	in := tar.NewReader(io.NewSectionReader(e.was.file, 0, 1<<62))
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := layer.CleanName(h.Name)
		if e.gone[name] || name == "index.json" || name == savedFile {
			continue
		}
		body := oci.WithContext(ctx, in)
		if d, ok := e.needed[name]; ok && h.Typeflag == tar.TypeReg {
			if body, err = oci.NewVerifier(body, d); err != nil {
				return err
			}
		}
		h.Format = tar.FormatUnknown // let the new archive choose
		if err := out.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(out, body); err != nil {
			return err
		}
	}
}

func putFile(out *tar.Writer, name string, size int64, r io.Reader) error {
	if err := out.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: size}); err != nil {
		return err
	}
	_, err := io.Copy(out, r)
	return err
}

// packer compresses an archive on one thread, and writes no time.
func packer(w io.Writer, kind oci.Compression) (io.WriteCloser, error) {
	switch kind {
	case oci.Gzipped:
		return gzip.NewWriter(w), nil
	case oci.Zstandard:
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	}
	return notPacked{w}, nil
}

type notPacked struct{ io.Writer }

func (notPacked) Close() error { return nil }
