package layer

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// A table of contents is read once, for any number of pieces of a file and of
// empty files.
func TestTablesOfManyPieces(t *testing.T) {
	const many = 200_000
	for what, fill := range map[string]func(s *tocSurvey) error{
		"pieces": func(s *tocSurvey) error {
			return pieces(s, &tableEntry{Type: "reg", Name: "a", Size: many, ChunkSize: 1}, many)
		},
		"empty files": func(s *tocSurvey) error {
			for range many {
				if err := s.entry(&tableEntry{Type: "reg", Name: "etc/empty"}); err != nil {
					return err
				}
			}
			return pieces(s, &tableEntry{Type: "reg", Name: "left out", Size: many, ChunkSize: 1}, many)
		},
	} {
		t.Run(what, func(t *testing.T) {
			s := &tocSurvey{want: func(_ int32, e *Entry) bool { return e.Name != "left out" }, end: many}
			start := time.Now()
			must(t, fill(s))
			files, err := s.finish()
			must(t, err)
			if took := time.Since(start); took > 30*time.Second { // linear takes 0.1 s, quadratic takes minutes
				t.Errorf("%d files took %s", len(files), took)
			}
		})
	}
}

// pieces enters a file of n bytes, with a piece for each byte.
func pieces(s *tocSurvey, first *tableEntry, n int64) error {
	if err := s.entry(first); err != nil {
		return err
	}
	for i := int64(1); i < n; i++ {
		if err := s.entry(&tableEntry{Type: "chunk", Offset: i, ChunkOffset: i, ChunkSize: 1}); err != nil {
			return err
		}
	}
	return nil
}

// places are parts of a blob, by their start.
type places map[int64][]byte

func (p places) OpenRange(_ context.Context, _ oci.Descriptor, from, to int64) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(p[from][:to-from])), nil
}

// Distant pieces are fetched in order, also with 32-bit integers.
func TestFetchFarApart(t *testing.T) {
	packed := func(text string) []byte {
		var buf bytes.Buffer
		w := gzip.NewWriter(&buf)
		_, err := w.Write([]byte(text))
		must(t, err)
		must(t, w.Close())
		return buf.Bytes()
	}
	const far = 1<<31 + 5
	p := places{0: packed("near"), far: packed("far")}
	file := func(place int32, at int64, text string) *tocFile {
		k := tocChunk{at: at, end: at + int64(len(p[at])), size: int64(len(text)), digest: oci.DigestOf([]byte(text))}
		return &tocFile{place: place, size: k.size, chunks: []tocChunk{k}}
	}
	c := TOC{From: p, Layer: oci.Descriptor{Size: 1 << 33}}
	got, err := c.Fetch(t.Context(), []*tocFile{file(1, far, "far"), file(0, 0, "near")})
	if err != nil || string(got[0]) != "near" || string(got[1]) != "far" {
		t.Errorf("%q %v", got, err)
	}
}

// FuzzContents: a table of contents is read or refused.
func FuzzContents(f *testing.F) {
	f.Add([]byte(`{"version":1,"entries":[{"name":"a","type":"reg","size":5,"offset":1,"chunkSize":2,"chunkDigest":"x"},{"name":"a","type":"chunk","offset":3,"chunkOffset":2}]}`))
	f.Add([]byte(`{"version":1,"entries":[{"name":"a/","type":"dir","modtime":"2019-08-20T10:30:43Z","xattrs":{"user.x":"eA=="}},{"name":"b","type":"symlink","linkName":"a"}]}`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		s := tocSurvey{want: func(int32, *Entry) bool { return true }, end: 100}
		if decodeContents(bytes.NewReader(data), s.entry) == nil {
			_, _ = s.finish()
		}
	})
}
