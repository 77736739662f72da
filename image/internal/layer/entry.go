package layer

import (
	"archive/tar"
	"io/fs"
	"maps"
	"path"
	"strings"
	"time"
)

// Entry is one entry of a layer.
type Entry struct {
	Name string // slash-separated and unrooted, "." being the root
	Attrs
	Marked bool // it has the marker of certgraft's own layers
}

// Attrs are the attributes that every name has. Images have hundreds of
// thousands of names, so the rare attributes are in More.
type Attrs struct {
	More     *Extra // nil for most
	Size     int64
	Sec      int64 // modification time
	Nsec     int32
	UID, GID uint32
	Mode     uint16
	Type     byte // as in [tar.Header]
	Kept     bool // More has the content
}

// Extra has the rare attributes: of links, of files with extended attributes
// and of files with kept contents.
type Extra struct {
	Link   string
	Xattrs map[string]string // PAX records
	Data   []byte
}

// Extra returns a copy of the rare attributes.
func (e *Attrs) Extra() Extra {
	if e.More == nil {
		return Extra{}
	}
	return *e.More
}

// add returns the rare attributes for a change.
func (e *Attrs) add() *Extra {
	if e.More == nil {
		e.More = &Extra{}
	}
	return e.More
}

// keep sets the content of the entry.
func (e *Attrs) keep(data []byte) {
	e.Kept = true
	if len(data) > 0 {
		e.add().Data = data
	}
}

// Header returns the attributes as the header of an archive's entry with that
// name.
func (e *Attrs) Header(name string) *tar.Header {
	return &tar.Header{
		Name: name, Typeflag: e.Type, Mode: int64(e.Mode), Uid: int(e.UID), Gid: int(e.GID), Size: e.Size, Linkname: e.Extra().Link,
		ModTime: time.Unix(e.Sec, int64(e.Nsec)).UTC(), PAXRecords: maps.Clone(e.Extra().Xattrs),
	}
}

// EntryOf returns the entry of a header.
func EntryOf(h *tar.Header) *Entry {
	e := &Entry{Name: CleanName(h.Name), Attrs: Attrs{
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
		case key == MarkerRecord:
			e.Marked = true
		case strings.HasPrefix(key, XattrRecord):
			e.add().Xattrs = WithRecord(e.add().Xattrs, key, value)
		}
	}
	return e
}

// CleanName returns the path of an entry below the root, for any name in an
// archive.
func CleanName(name string) string {
	if plain := strings.TrimSuffix(strings.TrimPrefix(name, "./"), "/"); fs.ValidPath(plain) && plain != "." {
		return plain // most names are clean: this path does not allocate
	}
	if name = path.Clean("/" + name)[1:]; name != "" {
		return name
	}
	return "."
}

// Prefixes of PAX records.
const (
	XattrRecord  = "SCHILY.xattr."
	MarkerRecord = "CERTGRAFT.layer"
)

// WithRecord sets a PAX record; the records may be nil.
func WithRecord(records map[string]string, key, value string) map[string]string {
	if records == nil {
		records = map[string]string{}
	}
	records[key] = value
	return records
}
