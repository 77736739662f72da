package image

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// unpack returns what r holds once it is decompressed. What it is compressed
// with is told from its first bytes: media types are wrong now and then.
func unpack(r io.Reader, mediaType string) (io.ReadCloser, error) {
	unpacked, _, err := unpackKind(r, mediaType)
	return unpacked, err
}

// unpackKind also returns how it is compressed.
func unpackKind(r io.Reader, mediaType string) (io.ReadCloser, compression, error) {
	if strings.HasSuffix(mediaType, "+encrypted") {
		return nil, plain, withHint(fmt.Errorf("it is encrypted (%s)", mediaType), "patch the image before it is encrypted")
	}
	head := bufio.NewReaderSize(r, 64<<10)
	kind, err := sniff(head)
	if err != nil {
		return nil, plain, err
	}
	switch kind {
	case gzipped:
		z, err := gzip.NewReader(head)
		return z, kind, err
	case zstandard:
		z, err := zstd.NewReader(head, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, kind, err
		}
		return z.IOReadCloser(), kind, nil
	}
	return io.NopCloser(head), kind, nil
}

// sniff tells how a stream is compressed, without consuming it.
func sniff(r *bufio.Reader) (compression, error) {
	magic, err := r.Peek(4)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return gzipped, nil
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return zstandard, nil
	case len(magic) == 4 && magic[0]&0xf0 == 0x50 && magic[1] == 0x2a && magic[2] == 0x4d && magic[3] == 0x18:
		return zstandard, nil // zstd:chunked starts with a skippable frame
	case err != nil && !errors.Is(err, io.EOF):
		return plain, err
	}
	return plain, nil
}

// maxWindow bounds the memory that a zstd stream may ask for.
const maxWindow = 128 << 20
