// Package ocilayout makes images from scratch and writes them into an OCI layout,
// for releases and for tests. Documents are maps, so that a test can write
// documents that no tool writes.
//
// See https://github.com/opencontainers/image-spec/blob/main/image-layout.md.
package ocilayout

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Media types of the written documents.
const (
	OCIManifest    = "application/vnd.oci.image.manifest.v1+json"
	OCIIndex       = "application/vnd.oci.image.index.v1+json"
	OCILayer       = "application/vnd.oci.image.layer.v1.tar"
	ociConfig      = "application/vnd.oci.image.config.v1+json"
	DockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	DockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	DockerLayer    = "application/vnd.docker.image.rootfs.diff.tar"
	dockerConfig   = "application/vnd.docker.container.image.v1+json"
)

// Descriptor is a descriptor as a map.
type Descriptor map[string]any

// Digest returns the digest in the descriptor.
func (d Descriptor) Digest() string { return d["digest"].(string) }

// Image is an image to make. Fields of Config and Manifest are added to the
// required fields, or replace them.
type Image struct {
	Docker   bool   // media types of Docker
	Packed   string // gzip, zstd, or "" for uncompressed layers
	Platform string // "" means linux/amd64
	Layers   [][]byte
	Config   map[string]any
	Manifest map[string]any
}

// Layout is an OCI layout in a directory.
type Layout struct {
	Dir     string
	Level   int  // of gzip
	Compact bool // documents have no white space, as most tools write them
}

// Open creates a layout in a directory, or opens the existing one.
func Open(dir string) (*Layout, error) {
	if err := os.MkdirAll(filepath.Join(dir, "blobs/sha256"), 0o755); err != nil {
		return nil, err
	}
	err := os.WriteFile(filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644)
	return &Layout{Dir: dir, Level: gzip.DefaultCompression}, err
}

// Image writes an image.
func (l *Layout) Image(img Image) (Descriptor, error) {
	manifestType, configType, layerType, plus := OCIManifest, ociConfig, OCILayer, "+"
	if img.Docker {
		manifestType, configType, layerType, plus = DockerManifest, dockerConfig, DockerLayer, "."
	}
	if img.Packed != "" {
		layerType += plus + img.Packed
	}
	layers, diffIDs := []Descriptor{}, []string{}
	for _, data := range img.Layers {
		packed, err := Pack(img.Packed, l.Level, data)
		if err != nil {
			return nil, err
		}
		d, err := l.Blob(layerType, packed)
		if err != nil {
			return nil, err
		}
		layers, diffIDs = append(layers, d), append(diffIDs, fmt.Sprintf("sha256:%x", sha256.Sum256(data)))
	}
	platform := platformOf(img.Platform)
	config := map[string]any{"os": platform["os"], "architecture": platform["architecture"], "rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs}}
	maps.Copy(config, img.Config)
	c, err := l.JSON(configType, config)
	if err != nil {
		return nil, err
	}
	manifest := map[string]any{"schemaVersion": 2, "mediaType": manifestType, "config": c, "layers": layers}
	maps.Copy(manifest, img.Manifest)
	d, err := l.JSON(manifestType, manifest)
	if err != nil {
		return nil, err
	}
	d["platform"] = platform
	return d, nil
}

func platformOf(text string) map[string]string {
	if text == "" {
		text = "linux/amd64"
	}
	parts := strings.Split(text, "/")
	p := map[string]string{"os": parts[0], "architecture": parts[1]}
	if len(parts) > 2 {
		p["variant"] = parts[2]
	}
	return p
}

// Index writes an index, with the further fields.
func (l *Layout) Index(mediaType string, fields map[string]any, children ...Descriptor) (Descriptor, error) {
	index := map[string]any{"schemaVersion": 2, "mediaType": mediaType, "manifests": children}
	maps.Copy(index, fields)
	return l.JSON(mediaType, index)
}

// JSON writes a document.
func (l *Layout) JSON(mediaType string, v any) (Descriptor, error) {
	data, err := json.MarshalIndent(v, "", "   ")
	if l.Compact {
		data, err = json.Marshal(v)
	}
	if err != nil {
		return nil, err
	}
	return l.Blob(mediaType, data)
}

// Blob writes data.
func (l *Layout) Blob(mediaType string, data []byte) (Descriptor, error) {
	sum := fmt.Sprintf("%x", sha256.Sum256(data))
	err := os.WriteFile(filepath.Join(l.Dir, "blobs/sha256", sum), data, 0o644)
	return Descriptor{"mediaType": mediaType, "digest": "sha256:" + sum, "size": len(data)}, err
}

// Tag gives the document of d a tag in the layout.
func (l *Layout) Tag(d Descriptor, tag string) error {
	d = maps.Clone(d)
	d["annotations"] = map[string]string{"org.opencontainers.image.ref.name": tag}
	name := filepath.Join(l.Dir, "index.json")
	index := map[string]any{"schemaVersion": 2, "manifests": []any{}}
	if data, err := os.ReadFile(name); err == nil {
		if err := json.Unmarshal(data, &index); err != nil {
			return err
		}
	}
	index["manifests"] = append(index["manifests"].([]any), d)
	data, err := json.Marshal(index)
	if err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o644)
}

// Pack compresses data with gzip of a level, with zstd, or not at all.
func Pack(how string, level int, data []byte) ([]byte, error) {
	var buf bytes.Buffer
	var w io.WriteCloser
	var err error
	switch how {
	case "gzip":
		w, err = gzip.NewWriterLevel(&buf, level)
	case "zstd":
		w, err = zstd.NewWriter(&buf, zstd.WithEncoderConcurrency(1))
	default:
		return data, nil
	}
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	err = w.Close()
	return buf.Bytes(), err
}
