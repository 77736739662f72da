package store

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/atomicfile"
	"github.com/certgraft/certgraft/internal/hint"
)

// Archive is an image in a tar archive: an OCI layout, or what docker save
// writes.
type Archive struct {
	Text, Path, Tag string
	Docker          bool
	Stdin           io.Reader
	Stdout          io.Writer
}

func (a *Archive) String() string { return a.Text }

// Get returns the image that is there. An archive that docker save wrote since Docker 25
// has an OCI layout in it, which says more.
func (a *Archive) Get(ctx context.Context) (*oci.Image, error) {
	f, err := a.openArchive(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.Text, err)
	}
	img, err := a.getFrom(ctx, f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return img, nil
}

func (a *Archive) getFrom(ctx context.Context, f *os.File) (*oci.Image, error) {
	t, err := indexArchive(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.Text, err)
	}
	if !a.Docker {
		return layout{t}.get(ctx, a.Text, a.Tag)
	}
	return getDocker(ctx, t, a.Text, a.Tag)
}

// openArchive returns the archive as a file that can be read from anywhere:
// what comes from standard input or a pipe, or is compressed, becomes one without
// a name.
func (a *Archive) openArchive(ctx context.Context) (*os.File, error) {
	if a.Path == "-" {
		if a.Stdin == nil {
			return nil, errors.New("there is no standard input")
		}
		return spool(ctx, a.Stdin)
	}
	f, err := os.Open(a.Path)
	if err != nil {
		return nil, hint.Add(err, "name an archive that is there")
	}
	if info, err := f.Stat(); err != nil || info.Mode().IsRegular() {
		kind, err := oci.Sniff(bufio.NewReader(io.NewSectionReader(f, 0, 16)))
		if err != nil || kind == oci.Plain {
			return f, err
		}
	}
	defer f.Close()
	return spool(ctx, f)
}

// Put has the place keep the image. The archive is an OCI layout, and one for docker
// load as well where that was asked for.
func (a *Archive) Put(ctx context.Context, img *oci.Image) error {
	write := func(w io.Writer) error { return writeArchive(ctx, w, img, a.Tag, a.Docker) }
	if a.Path == "-" {
		if a.Stdout == nil {
			return fmt.Errorf("%s: there is no standard output", a.Text)
		}
		if err := write(a.Stdout); err != nil {
			return fmt.Errorf("%s: %w", a.Text, err)
		}
		return nil
	}
	if err := a.writeFile(write); err != nil {
		return fmt.Errorf("%s: %w", a.Text, err)
	}
	return nil
}

// writeFile writes the file: in place where it is a pipe or a device, else by way
// of a new one. A link to it stays.
func (a *Archive) writeFile(write func(io.Writer) error) error {
	if info, err := os.Stat(a.Path); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(a.Path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	file, err := filepath.EvalSymlinks(a.Path)
	if err != nil {
		file = a.Path // it is not there
	}
	root, err := os.OpenRoot(filepath.Dir(file))
	if err != nil {
		return err
	}
	defer root.Close()
	return atomicfile.In(root, filepath.Base(file), write)
}

// writeArchive writes an image as a layout in a tar archive. The same image
// gives the same bytes.
func writeArchive(ctx context.Context, w io.Writer, img *oci.Image, tag string, docker bool) error {
	var forDocker []byte
	var err error
	if docker {
		if img, forDocker, err = dockerManifests(ctx, img, tag); err != nil {
			return err
		}
		if tag == "" && len(img.Tags) > 0 {
			tag = img.Tags[0]
		}
	}
	buf := bufio.NewWriterSize(w, 1<<20)
	out := tar.NewWriter(buf)
	put := func(name string, size int64, r io.Reader) error {
		if err := out.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: size}); err != nil {
			return err
		}
		_, err := io.Copy(out, r)
		return err
	}
	putBytes := func(name string, data []byte) error { return put(name, int64(len(data)), bytes.NewReader(data)) }
	if err := putBytes("oci-layout", []byte(layoutMark)); err != nil {
		return err
	}
	err = img.Contents(ctx, func(d oci.Descriptor, open func() (io.ReadCloser, error)) error {
		body, err := open()
		if err != nil {
			return err
		}
		defer body.Close()
		return put(d.Digest.Path(), d.Size, body)
	})
	if err != nil {
		return err
	}
	index, err := enterImage([]byte(`{"schemaVersion":2,"mediaType":"`+oci.IndexType+`","manifests":[]}`), img.Descriptor, tag)
	if err != nil {
		return err
	}
	if err := putBytes("index.json", index); err != nil {
		return err
	}
	if docker {
		if err := putBytes("manifest.json", forDocker); err != nil {
			return err
		}
	}
	return errors.Join(out.Close(), buf.Flush())
}
