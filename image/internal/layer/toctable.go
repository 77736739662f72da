package layer

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// decodeContents reads a table of contents as a stream: the table of a large
// layer exceeds all other data in memory.
func decodeContents(r io.Reader, visit func(*tableEntry) error) error {
	dec := json.NewDecoder(r)
	version := 0
	err := eachMember(dec, func(key string) error {
		switch key {
		case "version":
			return dec.Decode(&version)
		case "entries":
			return eachElement(dec, func() error {
				var e tableEntry
				if err := dec.Decode(&e); err != nil {
					return err
				}
				return visit(&e)
			})
		}
		var other json.RawMessage
		return dec.Decode(&other)
	})
	if err == nil && version != 1 {
		err = fmt.Errorf("the table of contents is of version %d", version)
	}
	return err
}

func eachMember(dec *json.Decoder, visit func(key string) error) error {
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return errors.Join(errors.New("the table of contents is not a JSON object"), err)
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		if err := visit(t.(string)); err != nil { // the decoder returns only strings between { and :
			return err
		}
	}
	_, err := dec.Token()
	return err
}

func eachElement(dec *json.Decoder, visit func() error) error {
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return errors.Join(errors.New("the table of contents has no list of entries"), err)
	}
	for dec.More() {
		if err := visit(); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return err
}

// tableEntry is an entry of a table of contents, in either format.
type tableEntry struct {
	Type        string            `json:"type"`
	Name        string            `json:"name"`
	LinkName    string            `json:"linkName"`
	Mode        int64             `json:"mode"`
	Size        int64             `json:"size"`
	UID         int               `json:"uid"`
	GID         int               `json:"gid"`
	ModTime     string            `json:"modtime"`
	Xattrs      map[string][]byte `json:"xattrs"`
	Digest      oci.Digest        `json:"digest"`
	Offset      int64             `json:"offset"`
	EndOffset   int64             `json:"endOffset"`   // zstd:chunked
	InnerOffset int64             `json:"innerOffset"` // eStargz: place in data that is compressed together
	ChunkSize   int64             `json:"chunkSize"`   // 0 is the rest of the file
	ChunkOffset int64             `json:"chunkOffset"`
	ChunkDigest oci.Digest        `json:"chunkDigest"`
	ChunkType   string            `json:"chunkType"` // zstd:chunked: "" or "zeros", which have no data
}

var tableTypes = map[string]byte{
	"reg": tar.TypeReg, "dir": tar.TypeDir, "symlink": tar.TypeSymlink, "hardlink": tar.TypeLink, "char": tar.TypeChar, "block": tar.TypeBlock, "fifo": tar.TypeFifo,
}

// entry returns the layer's entry for an entry of the table.
func (e *tableEntry) entry(kind byte) (*Entry, error) {
	h := &tar.Header{Name: e.Name, Typeflag: kind, Linkname: e.LinkName, Mode: e.Mode, Uid: e.UID, Gid: e.GID}
	if kind == tar.TypeReg {
		h.Size = e.Size
	}
	h.ModTime = time.Unix(0, 0)
	if e.ModTime != "" {
		var err error
		if h.ModTime, err = time.Parse(time.RFC3339Nano, e.ModTime); err != nil {
			return nil, fmt.Errorf("%w: %w", errOddTable, err)
		}
	}
	for key, value := range e.Xattrs {
		h.PAXRecords = WithRecord(h.PAXRecords, XattrRecord+key, string(value))
	}
	return EntryOf(h), nil
}

// tocSurvey reads a table of contents entry by entry.
type tocSurvey struct {
	want  func(place int32, e *Entry) bool
	zstd  bool
	end   int64 // of the files in the layer
	place int32 // of the next entry in the table, chunks not counted
	at    int64 // of the last chunk in the layer
	files []*tocFile
	file  *tocFile // the file of the following chunks, if wanted
	open  []openChunk
}

// openChunk is a chunk whose end in the layer is not yet known.
type openChunk struct {
	file *tocFile
	i    int
}

var errOddTable = errors.New("the table of contents is odd")

func (s *tocSurvey) entry(e *tableEntry) error {
	if e.Size < 0 || e.Offset < 0 || e.ChunkSize < 0 || e.ChunkOffset < 0 || e.InnerOffset < 0 || e.Offset > s.end || int(s.place) >= maxEntries {
		return errOddTable
	}
	if e.Type == "chunk" {
		if s.place == 0 {
			return errOddTable
		}
		return s.chunk(e)
	}
	kind, ok := tableTypes[e.Type]
	if !ok {
		return fmt.Errorf("%w: it has a %q", errOddTable, e.Type)
	}
	made, err := e.entry(kind)
	if err != nil {
		return err
	}
	s.file = nil
	if s.want(s.place, made) {
		s.file = &tocFile{place: s.place, size: e.Size, digest: e.Digest}
		s.files = append(s.files, s.file)
	}
	s.place++
	if kind != tar.TypeReg || e.Size == 0 {
		return nil
	}
	return s.chunk(e)
}

// chunk notes the place of a piece of a file. A piece ends at the next one.
func (s *tocSurvey) chunk(e *tableEntry) error {
	if e.ChunkType != "" && e.ChunkType != "data" {
		if s.file != nil {
			return fmt.Errorf("%w: a piece is %q", errOddTable, e.ChunkType)
		}
		return nil
	}
	if e.Offset < s.at {
		return fmt.Errorf("%w: it is not in order", errOddTable)
	}
	if e.Offset > s.at {
		s.close(e.Offset)
	}
	s.at = e.Offset
	if s.file == nil {
		return nil
	}
	size := e.ChunkSize
	if size == 0 {
		size = s.file.size - e.ChunkOffset
	}
	if e.ChunkOffset != s.file.known || size <= 0 || size > s.file.size-s.file.known {
		return fmt.Errorf("%w: the pieces of a file do not fit", errOddTable)
	}
	s.file.known += size
	s.open = append(s.open, openChunk{s.file, len(s.file.chunks)})
	s.file.chunks = append(s.file.chunks, tocChunk{at: e.Offset, skip: e.InnerOffset, into: e.ChunkOffset, size: size, digest: e.ChunkDigest, zstd: s.zstd})
	return nil
}

func (s *tocSurvey) close(at int64) {
	for _, k := range s.open {
		k.file.chunks[k.i].end = at
	}
	s.open = s.open[:0]
}

// finish returns the files, each of which must be complete.
func (s *tocSurvey) finish() ([]*tocFile, error) {
	s.close(s.end)
	for _, f := range s.files {
		for _, k := range f.chunks {
			if k.end <= k.at || k.end-k.at > MaxKept {
				return nil, errOddTable
			}
		}
		if f.known != f.size {
			return nil, fmt.Errorf("%w: a file is not whole", errOddTable)
		}
	}
	return s.files, nil
}
