package oci

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

// A Digest names content by its hash, as ALGORITHM:HEX.
type Digest string

// DigestOf returns the digest of data.
func DigestOf(data []byte) Digest {
	sum := sha256.Sum256(data)
	return Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// NewHash returns a new hash of the digest's algorithm. It refuses a malformed
// digest, since a digest becomes part of paths.
func (d Digest) NewHash() (hash.Hash, error) {
	algorithm, sum, _ := strings.Cut(string(d), ":")
	var h hash.Hash
	switch algorithm {
	case "sha256":
		h = sha256.New()
	case "sha512":
		h = sha512.New()
	default:
		return nil, fmt.Errorf("digest %q: neither sha256 nor sha512", string(d))
	}
	if len(sum) != 2*h.Size() || strings.Trim(sum, "0123456789abcdef") != "" {
		return nil, fmt.Errorf("digest %q is not well formed", string(d))
	}
	return h, nil
}

// Path returns the path of the content in an OCI layout.
func (d Digest) Path() string { return "blobs/" + strings.Replace(string(d), ":", "/", 1) }

// Short returns the first characters of the digest, for people.
func (d Digest) Short() string {
	_, sum, _ := strings.Cut(string(d), ":")
	return sum[:min(len(sum), 12)]
}

// Descriptor names content and describes it, as in the OCI image specification.
type Descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       Digest            `json:"digest"`
	Size         int64             `json:"size"`
	URLs         []string          `json:"urls,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	Platform     *Platform         `json:"platform,omitempty"`
	ArtifactType string            `json:"artifactType,omitempty"`
}

// Describe returns the descriptor of content.
func Describe(mediaType string, data []byte) Descriptor {
	return Descriptor{MediaType: mediaType, Digest: DigestOf(data), Size: int64(len(data))}
}
