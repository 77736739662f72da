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
	"sync/atomic"
	"time"
)

// Bounds on what is kept of one layer.
const (
	maxKept    = 64 << 20 // of one file: no trust store comes near it
	maxAllKept = 256 << 20
	maxHeaders = 512 << 20 // of all that is said of names
	maxEntries = 8 << 20
	maxName    = 4096 // PATH_MAX of Linux
	// Directories of one layer that it has no entry for: a name of two thousand
	// short elements makes as many, and an archive has millions of names.
	maxImplied = 1 << 18
)

var errTooManyNames = errors.New("it has more names than any image needs")

// DefaultMaxLayerSize is the size up to which an unpacked layer is read.
const DefaultMaxLayerSize = 128 << 30

// entry is what a layer says of one name.
type entry struct {
	Name string // slash-separated and unrooted, "." being the root
	attrs
	Marked bool // the marker of a layer of certgraft's own is here
}

// attrs is what there is to say of a name. Images have hundreds of thousands, so
// that what few of them have is apart.
type attrs struct {
	More     *extra // nil for most
	Size     int64
	Sec      int64 // modification time
	Nsec     int32
	UID, GID uint32
	Mode     uint16
	Type     byte // as in [tar.Header]
	Kept     bool // the content is in More
}

// extra is what only links, files with extended attributes and files that were
// kept have.
type extra struct {
	Link   string
	Xattrs map[string]string // PAX records
	Data   []byte
}

// more returns what there is beside what all have, to be read.
func (e *attrs) more() extra {
	if e.More == nil {
		return extra{}
	}
	return *e.More
}

// add returns the same to be changed.
func (e *attrs) add() *extra {
	if e.More == nil {
		e.More = &extra{}
	}
	return e.More
}

// keep makes data the content of the entry.
func (e *attrs) keep(data []byte) {
	e.Kept = true
	if len(data) > 0 {
		e.add().Data = data
	}
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
	room *room                  // for all layers of an image together; nil is no end of it
}

// room is how much more of the layers of one image is kept: bounds on each alone
// are none on a hundred.
type room struct{ contents, names atomic.Int64 }

func newRoom() *room {
	r := &room{}
	r.contents.Store(2 * maxAllKept)
	r.names.Store(2 * maxHeaders)
	return r
}

func (r *room) forContent(size int64) bool { return r == nil || take(&r.contents, size) }
func (r *room) forName(size int) bool      { return r == nil || take(&r.names, int64(size)) }

func take(from *atomic.Int64, size int64) bool {
	if from.Add(-size) >= 0 {
		return true
	}
	from.Add(size)
	return false
}

func (lr layerReader) most() int64 {
	if lr.max <= 0 {
		return DefaultMaxLayerSize
	}
	return lr.max
}

// read reads the layer that d names from r, to its end, and verifies it.
func (lr layerReader) read(ctx context.Context, r io.Reader, d Descriptor) (*layer, error) {
	facts, err := newFactsWriter()
	if err != nil {
		return nil, err
	}
	room := int64(maxAllKept)
	err = walk(ctx, r, d, lr.most(), func(_ int, h *tar.Header, content io.Reader) (bool, error) {
		if !lr.room.forName(headerSize(h)) {
			return false, errTooManyNames
		}
		e := newEntryOf(h)
		if e.Type == tar.TypeReg && h.Size <= min(maxKept, room) && lr.keep != nil && lr.keep(e.Name) && lr.room.forContent(h.Size) {
			room -= h.Size
			data, err := io.ReadAll(content)
			if err != nil {
				return false, err
			}
			e.keep(data)
		}
		facts.add(e)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	return facts.layer()
}

// newEntryOf returns what a header says.
func newEntryOf(h *tar.Header) *entry {
	e := &entry{Name: cleanName(h.Name), attrs: attrs{
		Type: h.Typeflag, Mode: uint16(h.Mode & 0o7777), UID: uint32(h.Uid), GID: uint32(h.Gid), Size: h.Size,
		Sec: h.ModTime.Unix(), Nsec: int32(h.ModTime.Nanosecond()),
	}}
	if h.Linkname != "" {
		e.add().Link = h.Linkname
	}
	if h.Typeflag == tar.TypeGNUSparse || h.Typeflag == tar.TypeCont {
		e.Type = tar.TypeReg
	}
	for key, value := range h.PAXRecords {
		switch {
		case key == markerRecord:
			e.Marked = true
		case strings.HasPrefix(key, xattrRecord):
			e.add().Xattrs = withRecord(e.add().Xattrs, key, value)
		}
	}
	return e
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

// header returns what is said as an archive would have it under that name.
func (e *attrs) header(name string) *tar.Header {
	return &tar.Header{
		Name: name, Typeflag: e.Type, Mode: int64(e.Mode), Uid: int(e.UID), Gid: int(e.GID), Size: e.Size, Linkname: e.more().Link,
		ModTime: time.Unix(e.Sec, int64(e.Nsec)).UTC(), PAXRecords: maps.Clone(e.more().Xattrs),
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
	bounded := &bounded{r: withContext(ctx, unpacked), left: most}
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
			return false, errTooManyNames
		}
		if len(h.Name) > maxName || len(h.Linkname) > maxName {
			return false, fmt.Errorf("a name in it, %.40q…, has %d bytes: systems take up to %d", h.Name, max(len(h.Name), len(h.Linkname)), maxName)
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

// bounded ends what an unpacked layer holds where that is too much.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, withHint(errors.New("it unpacks to more than is read of one layer"), "if the image is meant to be that large, allow it with --max-layer-size")
	}
	return n, err
}
