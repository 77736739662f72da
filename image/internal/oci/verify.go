package oci

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strings"
)

// NewVerifier returns a reader that fails if the content does not match the
// descriptor.
func NewVerifier(r io.Reader, d Descriptor) (io.Reader, error) {
	h, err := d.Digest.NewHash()
	if err != nil {
		return nil, err
	}
	return &verifier{r: r, want: d, hash: h, left: d.Size}, nil
}

type verifier struct {
	r    io.Reader
	want Descriptor
	hash hash.Hash
	left int64
}

func (v *verifier) Read(p []byte) (int, error) {
	n, err := v.r.Read(p)
	v.hash.Write(p[:n])
	v.left -= int64(n)
	switch {
	case v.left < 0:
		return 0, errTooLong
	case errors.Is(err, io.EOF) && v.left > 0:
		return n, errTooShort
	case errors.Is(err, io.EOF) && !Sums(v.hash, v.want.Digest):
		return n, ErrNotDigest
	}
	return n, err
}

// Sums reports whether the sum of h is the digest.
func Sums(h hash.Hash, want Digest) bool {
	_, sum, _ := strings.Cut(string(want), ":")
	return hex.EncodeToString(h.Sum(nil)) == sum
}

// Errors of content that does not match its descriptor.
var (
	errTooLong   = errors.New("it is longer than its descriptor says")
	errTooShort  = errors.New("it ends before the size that its descriptor says")
	ErrNotDigest = errors.New("its content does not match its digest: it was damaged or replaced on the way")
)

// Sum computes the digest and the size of the bytes written to it.
type Sum struct {
	hash hash.Hash
	size int64
}

// NewSum returns an empty sum.
func NewSum() *Sum { return &Sum{hash: sha256.New()} }

// Write implements [io.Writer].
func (s *Sum) Write(p []byte) (int, error) {
	s.size += int64(len(p))
	return s.hash.Write(p)
}

// Digest returns the digest of the written bytes.
func (s *Sum) Digest() Digest { return Digest("sha256:" + hex.EncodeToString(s.hash.Sum(nil))) }

// Describe returns the descriptor of the written bytes.
func (s *Sum) Describe(mediaType string) Descriptor {
	return Descriptor{MediaType: mediaType, Digest: s.Digest(), Size: s.size}
}
