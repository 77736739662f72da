package store

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/certgraft/certgraft/image/internal/layer"
	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/input"
)

// spool copies a stream to a file without a name, unpacked, and returns its
// compression.
func spool(ctx context.Context, r io.Reader) (*os.File, oci.Compression, error) {
	head := bufio.NewReader(input.Reader(ctx, r))
	if err := notUnpacked(head, ""); err != nil {
		return nil, oci.Plain, err
	}
	unpacked, kind, err := oci.Unpack(head, "")
	if err != nil {
		return nil, kind, err
	}
	defer unpacked.Close()
	f, err := os.CreateTemp("", "certgraft-*.tar")
	if err != nil {
		return nil, kind, fmt.Errorf("keep the archive while it is read: %w", err)
	}
	dir, err := os.OpenRoot(filepath.Dir(f.Name()))
	if err == nil {
		err = errors.Join(dir.Remove(filepath.Base(f.Name())), dir.Close())
	}
	if err == nil {
		_, err = io.Copy(f, layer.Bound(unpacked, layer.DefaultMaxLayerSize))
	}
	if err != nil {
		return nil, kind, errors.Join(keptBadly(err), f.Close())
	}
	return f, kind, nil
}

// keptBadly returns the error of a stream that could not be copied: most often
// it ends early.
func keptBadly(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return hint.Add(fmt.Errorf("it is damaged or cut off: %w", err), "copy or save the archive again")
	}
	return fmt.Errorf("keep the archive while it is read: %w", err)
}

// errNoArchive is the error of a file that is not an archive.
var errNoArchive = hint.Add(errors.New("it is no tar archive"), "name a file that docker save, podman save or skopeo copy wrote")

// notUnpacked refuses an archive with an unsupported compression, and says how
// to unpack it.
func notUnpacked(r *bufio.Reader, file string) error {
	magic, err := r.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	for tool, starts := range map[string]string{"xz": "\xfd7zXZ\x00", "bzip2": "BZh"} {
		if !bytes.HasPrefix(magic, []byte(starts)) {
			continue
		}
		how := fmt.Sprintf("unpack it first: %s -dk %s", tool, file)
		if file == "" {
			how = fmt.Sprintf("unpack it on the way: %s -dc FILE | certgraft …", tool)
		}
		return hint.Add(fmt.Errorf("it is compressed with %s, which is not read", tool), how)
	}
	return nil
}

// tarFiles are the files of a tar archive.
type tarFiles struct {
	file  *os.File
	sizes map[string]span
	links map[string]string
}

// span is the place of a file in an archive.
type span struct{ at, size int64 }

// indexArchive finds the files of an archive.
func indexArchive(ctx context.Context, f *os.File) (*tarFiles, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	t := &tarFiles{file: f, sizes: map[string]span{}, links: map[string]string{}}
	held := 0
	for r := tar.NewReader(f); ctx.Err() == nil; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && held == 0 {
			return nil, errNoArchive
		}
		if err != nil {
			return nil, hint.Add(fmt.Errorf("it is damaged or cut off: %w", err), "copy or save the archive again")
		}
		if held += layer.HeaderSize(h); held > layer.MaxHeaders {
			return nil, layer.ErrTooManyNames
		}
		name := layer.CleanName(h.Name)
		switch h.Typeflag {
		case tar.TypeReg:
			at, err := f.Seek(0, io.SeekCurrent)
			if err != nil {
				return nil, err
			}
			t.sizes[name] = span{at, h.Size}
		case tar.TypeSymlink:
			t.links[name] = layer.CleanName(path.Join(path.Dir(name), h.Linkname))
		case tar.TypeLink:
			t.links[name] = layer.CleanName(h.Linkname)
		}
	}
	return t, ctx.Err()
}

// find returns the place of the file at name, and follows links.
func (t *tarFiles) find(name string) (span, error) {
	for range layer.MaxLinks {
		if s, ok := t.sizes[name]; ok {
			return s, nil
		}
		target, ok := t.links[name]
		if !ok {
			break
		}
		name = target
	}
	return span{}, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// eachLink calls visit with a name and with the names that it links to.
func (t *tarFiles) eachLink(name string, visit func(string)) {
	name = layer.CleanName(name)
	for range layer.MaxLinks {
		visit(name)
		target, ok := t.links[name]
		if _, file := t.sizes[name]; file || !ok {
			return
		}
		name = target
	}
}

func (t *tarFiles) openFile(name string) (io.ReadCloser, error) {
	s, err := t.find(layer.CleanName(name))
	if err != nil {
		return nil, err
	}
	return io.NopCloser(io.NewSectionReader(t.file, s.at, s.size)), nil
}

func (t *tarFiles) has(name string) bool {
	_, err := t.find(layer.CleanName(name))
	return err == nil
}

// contents is the content of an archive.
type contents struct {
	*tarFiles
	kind oci.Compression
	info os.FileInfo // of the file; nil for a stream
	of   any         // the *Archive of the contents; nil for an engine
}

// indexed returns the contents of the archive in a file.
func indexed(ctx context.Context, f *os.File) (*contents, error) {
	t, err := indexArchive(ctx, f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &contents{tarFiles: t}, nil
}

// spooled is indexed for a stream.
func spooled(ctx context.Context, r io.Reader) (*contents, error) {
	f, kind, err := spool(ctx, r)
	if err != nil {
		return nil, err
	}
	c, err := indexed(ctx, f)
	if err == nil {
		c.kind = kind
	}
	return c, err
}

func (c *contents) close() error { return c.file.Close() }

// isOf reports whether the contents are those of a file that is unchanged
// since.
func (c *contents) isOf(now os.FileInfo) bool {
	return c.info != nil && os.SameFile(c.info, now) && c.info.Size() == now.Size() && c.info.ModTime().Equal(now.ModTime())
}

// empty reports whether the archive holds no file.
func (c *contents) empty() bool { return len(c.sizes) == 0 }
