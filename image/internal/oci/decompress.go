package oci

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/certgraft/certgraft/internal/hint"
)

// Unpack returns the decompressed content of r, and its compression. It detects
// the compression by the first bytes: media types are sometimes wrong.
func Unpack(r io.Reader, mediaType string) (io.ReadCloser, Compression, error) {
	if strings.HasSuffix(mediaType, "+encrypted") {
		return nil, Plain, hint.Add(fmt.Errorf("it is encrypted (%s)", mediaType), "patch the image before it is encrypted")
	}
	head := bufio.NewReaderSize(r, 64<<10)
	kind, err := Sniff(head)
	if err != nil {
		return nil, Plain, err
	}
	switch kind {
	case Gzipped:
		z, err := gzip.NewReader(head)
		return z, kind, err
	case Zstandard:
		z, err := NewZstd(head)
		if err != nil {
			return nil, kind, err
		}
		return z.IOReadCloser(), kind, nil
	}
	return io.NopCloser(head), kind, nil
}

// Sniff detects the compression of a stream without consuming it.
func Sniff(r *bufio.Reader) (Compression, error) {
	magic, err := r.Peek(4)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return Gzipped, nil
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return Zstandard, nil
	case len(magic) == 4 && magic[0]&0xf0 == 0x50 && magic[1] == 0x2a && magic[2] == 0x4d && magic[3] == 0x18:
		return Zstandard, nil // zstd:chunked starts with a skippable frame
	case err != nil && !errors.Is(err, io.EOF):
		return Plain, err
	}
	return Plain, nil
}

// NewZstd returns a decoder that bounds the memory a stream may ask for.
func NewZstd(r io.Reader) (*zstd.Decoder, error) {
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(128<<20))
}
