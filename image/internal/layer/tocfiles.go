package layer

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"hash"
	"io"
	"slices"

	"github.com/klauspost/compress/gzip"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// tocFile is a file whose content is wanted.
type tocFile struct {
	place  int32 // of its entry in the table
	size   int64
	digest oci.Digest
	chunks []tocChunk
	known  int64 // bytes of it that are in chunks
}

// tocChunk is a piece of a file: it is compressed by itself, or behind others.
type tocChunk struct {
	at, end int64 // in the layer
	skip    int64 // in what is there, once it is unpacked
	into    int64 // the file
	size    int64
	digest  oci.Digest
	zstd    bool
	data    []byte
}

// Fetch reads files, several that lie side by side at once.
func (c TOC) Fetch(ctx context.Context, files []*tocFile) (map[int32][]byte, error) {
	var chunks []*tocChunk
	total := int64(0)
	contents := map[int32][]byte{}
	for _, f := range files {
		contents[f.place] = make([]byte, f.size)
		for i := range f.chunks {
			f.chunks[i].data = contents[f.place][f.chunks[i].into:][:f.chunks[i].size]
			chunks = append(chunks, &f.chunks[i])
			total += f.chunks[i].end - f.chunks[i].at
		}
	}
	slices.SortFunc(chunks, func(a, b *tocChunk) int { return cmp.Compare(a.at, b.at) })
	if total > c.Layer.Size/2 {
		return nil, errors.New("most of the layer is wanted")
	}
	for len(chunks) > 0 {
		n := 1
		for n < len(chunks) && chunks[n].at-chunks[n-1].end <= maxGap {
			n++
		}
		if err := c.fetchSpan(ctx, chunks[:n]); err != nil {
			return nil, err
		}
		chunks = chunks[n:]
	}
	for _, f := range files {
		if err := f.check(contents[f.place]); err != nil {
			return nil, err
		}
	}
	return contents, nil
}

// maxGap is what is read in vain rather than ask once more.
const maxGap = 4 << 10

// fetchSpan reads chunks that lie side by side. Some share their place: small
// files that are compressed together.
func (c TOC) fetchSpan(ctx context.Context, chunks []*tocChunk) error {
	at, end := chunks[0].at, int64(0)
	for _, k := range chunks {
		end = max(end, k.end)
	}
	body, err := c.From.OpenRange(ctx, c.Layer, at, end)
	if err != nil {
		return err
	}
	defer body.Close()
	for len(chunks) > 0 {
		first := chunks[0]
		if _, err := io.CopyN(io.Discard, body, first.at-at); err != nil {
			return err
		}
		packed, err := io.ReadAll(io.LimitReader(body, first.end-first.at))
		if err != nil {
			return err
		}
		at = first.end
		for ; len(chunks) > 0 && chunks[0].at == first.at; chunks = chunks[1:] {
			if err := chunks[0].unpack(packed); err != nil {
				return err
			}
		}
	}
	return nil
}

// unpack takes the chunk out of what is compressed.
func (k *tocChunk) unpack(packed []byte) error {
	var r io.Reader
	if k.zstd {
		z, err := newUnzstd(bytes.NewReader(packed))
		if err != nil {
			return err
		}
		defer z.Close()
		r = z
	} else {
		z, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			return err
		}
		r = z
	}
	if _, err := io.CopyN(io.Discard, r, k.skip); err != nil {
		return err
	}
	_, err := io.ReadFull(r, k.data)
	return err
}

// check says whether the content of a file is what the table names.
func (f *tocFile) check(data []byte) error {
	named := true
	for i := range f.chunks {
		if err := f.chunks[i].check(); err != nil {
			return err
		}
		named = named && f.chunks[i].digest != ""
	}
	switch {
	case f.digest != "":
		h, err := f.digest.NewHash()
		if err != nil {
			return err
		}
		return checkHash(h, data, f.digest)
	case !named:
		return errors.New("the table of contents does not name the content of a file")
	}
	return nil
}

func (k *tocChunk) check() error {
	if k.digest == "" {
		return nil
	}
	h, err := k.digest.NewHash()
	if err != nil {
		return err
	}
	return checkHash(h, k.data, k.digest)
}

func checkHash(h hash.Hash, data []byte, want oci.Digest) error {
	h.Write(data)
	if !oci.Sums(h, want) {
		return oci.ErrNotDigest
	}
	return nil
}
