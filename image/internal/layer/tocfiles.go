package layer

import (
	"bytes"
	"errors"
	"hash"
	"io"

	"github.com/klauspost/compress/gzip"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// tocFile is a wanted file.
type tocFile struct {
	place  int32 // of its entry in the table
	size   int64
	digest oci.Digest
	chunks []tocChunk
	known  int64 // bytes of it in the chunks so far
}

// tocChunk is a piece of a file. It may be compressed together with others.
type tocChunk struct {
	at, end int64 // in the layer
	skip    int64 // bytes before it in the unpacked data
	into    int64 // its place in the file
	size    int64
	digest  oci.Digest
	zstd    bool
	data    []byte
}

// check compares the content of a file with the digests in the table.
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

// unpack takes the chunk out of compressed data.
func (k *tocChunk) unpack(packed []byte) error {
	var r io.Reader
	if k.zstd {
		z, err := oci.NewZstd(bytes.NewReader(packed))
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

func checkHash(h hash.Hash, data []byte, want oci.Digest) error {
	h.Write(data)
	if !oci.Sums(h, want) {
		return oci.ErrNotDigest
	}
	return nil
}
