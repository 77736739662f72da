package image

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"strings"
	"time"
)

// Bounds on what is kept of one layer.
const (
	maxKept    = 64 << 20  // of one file: no trust store comes near it
	maxHeaders = 512 << 20 // of all that is said of names
	maxEntries = 8 << 20
)

// DefaultMaxLayerSize is the size up to which an unpacked layer is read.
const DefaultMaxLayerSize = 128 << 30

// layer is what is kept of a layer: what it says of each name, in its order,
// and the contents of some files.
type layer struct {
	Entries []*entry
}

// entry is what a layer says of one name.
type entry struct {
	Name     string // slash-separated and unrooted, "." being the root
	Type     byte   // as in [tar.Header]
	Mode     int64
	UID, GID int
	Size     int64
	Link     string
	Sec      int64 // modification time
	Nsec     int
	Xattrs   map[string]string // PAX records that hold extended attributes
	Marked   bool              // the marker of a layer of certgraft's own is here
	Kept     bool              // Data is the content
	Data     []byte
}

// Prefixes of PAX records.
const (
	xattrRecord  = "SCHILY.xattr."
	markerRecord = "CERTGRAFT.layer"
)

// layerReader reads layers.
type layerReader struct {
	keep func(name string) bool // files whose contents are kept
	max  int64                  // size of an unpacked layer
}

// read reads the layer that d names from r, to its end, and verifies it.
func (lr layerReader) read(ctx context.Context, r io.Reader, d Descriptor) (*layer, error) {
	l := &layer{}
	err := walk(ctx, r, d, lr.max, func(_ int, h *tar.Header, content io.Reader) (bool, error) {
		e, err := lr.entry(h, content)
		l.Entries = append(l.Entries, e)
		return true, err
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

func (lr layerReader) entry(h *tar.Header, content io.Reader) (*entry, error) {
	e := &entry{
		Name: cleanName(h.Name), Type: h.Typeflag, Mode: h.Mode, UID: h.Uid, GID: h.Gid, Size: h.Size,
		Link: h.Linkname, Sec: h.ModTime.Unix(), Nsec: h.ModTime.Nanosecond(),
	}
	if h.Typeflag == tar.TypeGNUSparse || h.Typeflag == tar.TypeCont {
		e.Type = tar.TypeReg
	}
	for key, value := range h.PAXRecords {
		switch {
		case key == markerRecord:
			e.Marked = true
		case strings.HasPrefix(key, xattrRecord):
			if e.Xattrs == nil {
				e.Xattrs = map[string]string{}
			}
			e.Xattrs[key] = value
		}
	}
	if e.Type != tar.TypeReg || h.Size > maxKept || lr.keep == nil || !lr.keep(e.Name) {
		return e, nil
	}
	var err error
	e.Kept = true
	if e.Data, err = io.ReadAll(content); err != nil {
		return e, fmt.Errorf("%s: %w", h.Name, err)
	}
	return e, nil
}

// cleanName returns the name that an entry stands for: below the root, whatever
// the archive says.
func cleanName(name string) string {
	if plain := strings.TrimSuffix(strings.TrimPrefix(name, "./"), "/"); fs.ValidPath(plain) && plain != "." {
		return plain // as most are: this allocates nothing
	}
	if name = path.Clean("/" + name)[1:]; name != "" {
		return name
	}
	return "."
}

// header returns the entry as an archive would have it under that name.
func (e *entry) header(name string) *tar.Header {
	return &tar.Header{
		Name: name, Typeflag: e.Type, Mode: e.Mode, Uid: e.UID, Gid: e.GID, Size: e.Size, Linkname: e.Link,
		ModTime: time.Unix(e.Sec, int64(e.Nsec)).UTC(), PAXRecords: maps.Clone(e.Xattrs),
	}
}

// walk calls visit for each entry of the layer that d names, until visit says
// that it has enough. Only a layer that was walked to its end is verified: what
// was downloaded, not what it unpacks to, which follows from that.
func walk(ctx context.Context, r io.Reader, d Descriptor, most int64, visit func(i int, h *tar.Header, content io.Reader) (more bool, err error)) error {
	packed, err := newVerifier(r, d)
	if err != nil {
		return err
	}
	unpacked, err := unpack(packed, d.MediaType)
	if err != nil {
		return layerError(d, err)
	}
	defer unpacked.Close()
	if most <= 0 {
		most = DefaultMaxLayerSize
	}
	bounded := &bounded{r: unpacked, done: ctx.Done(), why: ctx.Err, left: most}
	more, err := walkEntries(bounded, visit)
	if err != nil || !more {
		return layerError(d, err)
	}
	if _, err := io.Copy(io.Discard, bounded); err != nil { // what follows the archive's end
		return layerError(d, err)
	}
	_, err = io.Copy(io.Discard, packed)
	return layerError(d, err)
}

func walkEntries(r io.Reader, visit func(i int, h *tar.Header, content io.Reader) (bool, error)) (more bool, err error) {
	archive := tar.NewReader(r)
	held := 0
	for i := 0; ; {
		h, err := archive.Next()
		switch {
		case errors.Is(err, io.EOF):
			return true, nil
		case err != nil:
			return false, err
		case h.Typeflag == tar.TypeXGlobalHeader:
			continue
		}
		if held += headerSize(h); held > maxHeaders || i >= maxEntries {
			return false, errors.New("it has more names than any image needs")
		}
		if more, err := visit(i, h, archive); err != nil || !more {
			return false, err
		}
		i++
	}
}

func headerSize(h *tar.Header) int {
	n := 100 + len(h.Name) + len(h.Linkname)
	for key, value := range h.PAXRecords {
		n += len(key) + len(value)
	}
	return n
}

func layerError(d Descriptor, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("read layer %s: %w", d.Digest, err)
}

// bounded ends what an unpacked layer holds where that is too much, and when
// the work is called off.
type bounded struct {
	r    io.Reader
	done <-chan struct{}
	why  func() error
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	select {
	case <-b.done:
		return 0, b.why()
	default:
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, hinted{errors.New("it unpacks to more than is read of one layer"), "if the image is meant to be that large, allow it with --max-layer-size"}
	}
	return n, err
}
