package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/atomicfile"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/input"
)

// Archive is an image in a tar archive, which may hold more images. The archive
// is an OCI layout, or in the format of docker save.
type Archive struct {
	Text, Path, Tag string
	Docker          bool
	Stdin           io.Reader
	Stdout          io.Writer
}

func (a *Archive) String() string { return a.Text }

// Get returns the image in the archive. Since Docker 25, docker save also
// writes an OCI layout, which has more information.
func (a *Archive) Get(ctx context.Context) (*oci.Image, error) {
	c, err := a.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.Text, err)
	}
	get := layout{c}.get
	if a.Docker {
		get = c.getDocker
	}
	img, err := get(ctx, a.Text, a.Tag)
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return img, nil
}

// Holds reports whether the image comes from the archive, and the archive is
// unchanged since. It is true for a stream.
func (a *Archive) Holds(img *oci.Image) bool {
	info, err := os.Stat(a.Path)
	if a.Path == "-" || err == nil && !info.Mode().IsRegular() {
		return true
	}
	from := contentsOf(img)
	return err == nil && from != nil && from.isOf(info)
}

// open opens the archive as a file with random access. Standard input, a pipe
// or a compressed archive is copied to a temporary file without a name.
func (a *Archive) open(ctx context.Context) (c *contents, err error) {
	switch {
	case a.Path != "-":
		c, err = openFile(ctx, a.Path)
	case a.Stdin == nil:
		return nil, errors.New("there is no standard input")
	default:
		c, err = spooled(ctx, a.Stdin)
	}
	if err == nil {
		c.of = a
	}
	return c, err
}

func openFile(ctx context.Context, name string) (*contents, error) {
	f, err := input.Open(ctx, name)
	if err != nil {
		return nil, hint.Add(err, "name an archive that exists")
	}
	c, err := openFrom(ctx, f)
	if c == nil || c.file != f {
		return c, errors.Join(err, f.Close())
	}
	return c, err
}

// openFrom returns the contents of the archive in an open file. The contents
// may keep reading from the file.
func openFrom(ctx context.Context, f *os.File) (c *contents, err error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, hint.Add(errors.New("it is a directory"), "an OCI layout is named oci:DIR")
	}
	packed := true
	if info.Mode().IsRegular() {
		head := bufio.NewReader(io.NewSectionReader(f, 0, 16))
		if err := notUnpacked(head, f.Name()); err != nil {
			return nil, err
		}
		kind, err := oci.Sniff(head)
		if err != nil {
			return nil, err
		}
		packed = kind != oci.Plain
	}
	if packed {
		c, err = spooled(ctx, f)
	} else {
		c, err = indexed(ctx, f)
	}
	if err == nil {
		c.info = info
	}
	return c, err
}

// Put stores the image and keeps the archive's other images. A new archive is
// an OCI layout. For docker-archive: it also has docker load's manifest.json.
func (a *Archive) Put(ctx context.Context, img *oci.Image) error {
	return a.PutIf(ctx, img, func() error { return nil })
}

// PutIf calls still while no other process writes there, and is [Archive.Put]
// if still returns no error.
func (a *Archive) PutIf(ctx context.Context, img *oci.Image, still func() error) error {
	lock, err := a.lock(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", a.Text, err)
	}
	if lock != nil {
		defer lock.Close()
	}
	if err := still(); err != nil {
		return err
	}
	if err := a.put(ctx, img); err != nil {
		return fmt.Errorf("%s: %w", a.Text, err)
	}
	return nil
}

// lock keeps other processes from writing the file. For a stream it returns
// nil.
func (a *Archive) lock(ctx context.Context) (io.Closer, error) {
	if info, err := os.Stat(a.Path); a.Path == "-" || err == nil && !info.Mode().IsRegular() {
		return nil, nil
	}
	dir, name, err := a.dir()
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return lockFile(ctx, dir, name)
}

// dir returns the directory of the file, and the file's name there. Links to
// the file are followed, so they stay.
func (a *Archive) dir() (*os.Root, string, error) {
	file, err := filepath.EvalSymlinks(a.Path)
	if err != nil {
		file = a.Path // the file does not exist
	}
	dir, err := os.OpenRoot(filepath.Dir(file))
	return dir, filepath.Base(file), err
}

func (a *Archive) put(ctx context.Context, img *oci.Image) error {
	from := contentsOf(img)
	was, err := a.there(ctx, from)
	if err != nil {
		return err
	}
	err = a.putInto(ctx, was, img)
	if was != nil && was != from {
		err = errors.Join(err, was.close())
	}
	return err
}

// Makes returns an error if the archive does not exist and its name asks for an
// unsupported compression.
func (a *Archive) Makes() error {
	if _, err := os.Stat(a.Path); err == nil {
		return nil // its compression stays
	}
	if _, err := kindOf(a.Path); err != nil {
		return fmt.Errorf("%s: %w", a.Text, err)
	}
	return nil
}

// putInto enters the image in the contents of the archive, and writes the
// archive.
func (a *Archive) putInto(ctx context.Context, was *contents, img *oci.Image) error {
	kind, err := kindOf(a.Path)
	if was == nil && err != nil {
		return err
	}
	e, err := newEdition(ctx, was, img, entry{a.Tag, a.Docker, kind})
	if err != nil {
		return err
	}
	switch {
	case a.Path != "-":
		if !e.changed && was.info != nil && was.info.Mode().IsRegular() {
			return nil
		}
		return a.writeFile(func(w io.Writer) error { return e.write(ctx, w) })
	case a.Stdout == nil:
		return errors.New("there is no standard output")
	}
	return e.write(ctx, a.Stdout)
}

// there returns the contents of the archive to extend, or nil for a new
// archive. from is the archive of the image. A stream is extended only if the
// image came from the same location.
func (a *Archive) there(ctx context.Context, from *contents) (*contents, error) {
	info, err := os.Stat(a.Path)
	switch {
	case a.Path == "-", err == nil && !info.Mode().IsRegular():
		if from == nil || from.of != a {
			return nil, nil
		}
		return from, nil
	case err != nil:
		return nil, nil // Put makes it, or reports the error
	case from != nil && from.isOf(info):
		return from, nil
	}
	was, err := a.open(ctx)
	if errors.Is(err, errNoArchive) {
		return nil, nil // overwrite it, as any program does
	}
	if err != nil {
		return nil, hint.Add(fmt.Errorf("read the existing archive: %w", err), "remove the file, or name another")
	}
	if was.empty() {
		return nil, was.close()
	}
	return was, nil
}

// writeFile writes the file: in place for a pipe or a device, else through a
// temporary file.
func (a *Archive) writeFile(write func(io.Writer) error) error {
	if info, err := os.Stat(a.Path); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(a.Path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	dir, name, err := a.dir()
	if err != nil {
		return err
	}
	defer dir.Close()
	return atomicfile.In(dir, name, write)
}

// kindOf returns the compression that the name of a new archive asks for.
func kindOf(file string) (oci.Compression, error) {
	for end, kind := range map[string]oci.Compression{".tar.gz": oci.Gzipped, ".tgz": oci.Gzipped, ".tar.zst": oci.Zstandard, ".tzst": oci.Zstandard} {
		if strings.HasSuffix(file, end) {
			return kind, nil
		}
	}
	for end, tool := range map[string]string{".xz": "xz", ".txz": "xz", ".bz2": "bzip2", ".tbz2": "bzip2"} {
		if strings.HasSuffix(file, end) {
			return oci.Plain, hint.Add(oci.WithKind(fmt.Errorf("%s is not written", tool), oci.ErrUsage), "name it .tar, and compress it then: "+tool+" FILE")
		}
	}
	return oci.Plain, nil
}

// contentsOf returns the contents of the archive that an image came from, or
// nil.
func contentsOf(img *oci.Image) *contents {
	blobs := oci.Below(img.Blobs())
	if packed, ok := blobs.(compressor); ok {
		blobs = oci.Below(packed.Blobs)
	}
	switch from := blobs.(type) {
	case layout:
		c, _ := from.files.(*contents)
		return c
	case savedBlobs:
		return from.contents
	}
	return nil
}
