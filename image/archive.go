package image

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
)

// archiveFile is an image in a tar archive: an OCI layout, or what docker save
// writes.
type archiveFile struct {
	text, file, tag string
	docker          bool
	stdin           io.Reader
	stdout          io.Writer
}

func (a *archiveFile) String() string { return a.text }

// Get implements [Location]. An archive that docker save wrote since Docker 25
// has an OCI layout in it, which says more.
func (a *archiveFile) Get(ctx context.Context) (*Image, error) {
	f, err := a.openArchive(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.text, err)
	}
	img, err := a.getFrom(ctx, f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return img, nil
}

func (a *archiveFile) getFrom(ctx context.Context, f *os.File) (*Image, error) {
	t, err := indexArchive(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.text, err)
	}
	if !a.docker {
		return layout{t}.get(ctx, a.text, a.tag)
	}
	return getDocker(ctx, t, a.text, a.tag)
}

// openArchive returns the archive as a file that can be read from anywhere:
// what comes from standard input or a pipe, or is compressed, becomes one without
// a name.
func (a *archiveFile) openArchive(ctx context.Context) (*os.File, error) {
	if a.file == "-" {
		if a.stdin == nil {
			return nil, errors.New("there is no standard input")
		}
		return spool(ctx, a.stdin)
	}
	f, err := os.Open(a.file)
	if err != nil {
		return nil, oci.WithHint(err, "name an archive that is there")
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

// Put implements [Location]. The archive is an OCI layout, and one for docker
// load as well where that was asked for.
func (a *archiveFile) Put(ctx context.Context, img *Image) error {
	write := func(w io.Writer) error { return writeArchive(ctx, w, img, a.tag, a.docker) }
	if a.file == "-" {
		if a.stdout == nil {
			return fmt.Errorf("%s: there is no standard output", a.text)
		}
		if err := write(a.stdout); err != nil {
			return fmt.Errorf("%s: %w", a.text, err)
		}
		return nil
	}
	if err := a.writeFile(write); err != nil {
		return fmt.Errorf("%s: %w", a.text, err)
	}
	return nil
}

// writeFile writes the file: in place where it is a pipe or a device, else by way
// of a new one. A link to it stays.
func (a *archiveFile) writeFile(write func(io.Writer) error) error {
	if info, err := os.Stat(a.file); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(a.file, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	file, err := filepath.EvalSymlinks(a.file)
	if err != nil {
		file = a.file // it is not there
	}
	root, err := os.OpenRoot(filepath.Dir(file))
	if err != nil {
		return err
	}
	defer root.Close()
	return replaceFile(root, filepath.Base(file), write)
}

// writeArchive writes an image as a layout in a tar archive. The same image
// gives the same bytes.
func writeArchive(ctx context.Context, w io.Writer, img *Image, tag string, docker bool) error {
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
	err = img.Contents(ctx, func(d Descriptor, open func() (io.ReadCloser, error)) error {
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
