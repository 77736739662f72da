package layer

import (
	"archive/tar"
	"io/fs"
	"maps"
	"path"
	"strings"
	"time"
)

// Entry is what a layer says of one name.
type Entry struct {
	Name string // slash-separated and unrooted, "." being the root
	Attrs
	Marked bool // the marker of a layer of certgraft's own is here
}

// Attrs is what there is to say of a name. Images have hundreds of thousands, so
// that what few of them have is apart.
type Attrs struct {
	More     *Extra // nil for most
	Size     int64
	Sec      int64 // modification time
	Nsec     int32
	UID, GID uint32
	Mode     uint16
	Type     byte // as in [tar.Header]
	Kept     bool // the content is in More
}

// Extra is what only links, files with extended attributes and files that were
// kept have.
type Extra struct {
	Link   string
	Xattrs map[string]string // PAX records
	Data   []byte
}

// Extra returns what there is beside what all have, to be read.
func (e *Attrs) Extra() Extra {
	if e.More == nil {
		return Extra{}
	}
	return *e.More
}

// add returns the same to be changed.
func (e *Attrs) add() *Extra {
	if e.More == nil {
		e.More = &Extra{}
	}
	return e.More
}

// keep makes data the content of the entry.
func (e *Attrs) keep(data []byte) {
	e.Kept = true
	if len(data) > 0 {
		e.add().Data = data
	}
}

// Header returns what is said as an archive would have it under that name.
func (e *Attrs) Header(name string) *tar.Header {
	return &tar.Header{
		Name: name, Typeflag: e.Type, Mode: int64(e.Mode), Uid: int(e.UID), Gid: int(e.GID), Size: e.Size, Linkname: e.Extra().Link,
		ModTime: time.Unix(e.Sec, int64(e.Nsec)).UTC(), PAXRecords: maps.Clone(e.Extra().Xattrs),
	}
}

// EntryOf returns what a header says.
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

// CleanName returns the name that an entry stands for: below the root, whatever
// the archive says.
func CleanName(name string) string {
	if plain := strings.TrimSuffix(strings.TrimPrefix(name, "./"), "/"); fs.ValidPath(plain) && plain != "." {
		return plain // as most are: this allocates nothing
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
