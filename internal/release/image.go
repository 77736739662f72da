package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Media types of the OCI image specification.
const (
	indexType    = "application/vnd.oci.image.index.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// descriptor points to a blob.
// See https://github.com/opencontainers/image-spec/blob/main/descriptor.md.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Platform    *platform         `json:"platform,omitzero"`
	Annotations map[string]string `json:"annotations,omitzero"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	Variant      string `json:"variant,omitzero"`
}

type index struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	Manifests     []descriptor      `json:"manifests"`
	Annotations   map[string]string `json:"annotations,omitzero"`
}

type manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	Config        descriptor        `json:"config"`
	Layers        []descriptor      `json:"layers"`
	Annotations   map[string]string `json:"annotations,omitzero"`
}

// config is an image's configuration.
// See https://github.com/opencontainers/image-spec/blob/main/config.md.
type config struct {
	Created time.Time `json:"created"`
	platform
	Config struct {
		Entrypoint []string          `json:"Entrypoint"`
		Labels     map[string]string `json:"Labels"`
	} `json:"config"`
	RootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
	History []step `json:"history"`
}

type step struct {
	Created   time.Time `json:"created"`
	CreatedBy string    `json:"created_by"`
}

// layout is a directory as the specification's image-layout.md has it.
type layout string

// blob writes a blob and returns its descriptor.
func (l layout) blob(mediaType string, data []byte) (descriptor, error) {
	sum := fmt.Sprintf("%x", sha256.Sum256(data))
	dir := filepath.Join(string(l), "blobs", "sha256")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return descriptor{}, err
	}
	if err := os.WriteFile(filepath.Join(dir, sum), data, 0o644); err != nil {
		return descriptor{}, err
	}
	return descriptor{MediaType: mediaType, Digest: "sha256:" + sum, Size: len(data)}, nil
}

func (l layout) json(mediaType string, v any) (descriptor, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return descriptor{}, err
	}
	return l.blob(mediaType, data)
}

// write writes a layout anew, tagged with the version, and returns the digest of
// its index. The images are in the order of their platforms' names.
func (r *release) write(dir string) (string, error) {
	l := layout(dir)
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	all := index{SchemaVersion: 2, MediaType: indexType, Annotations: r.annotations()}
	slices.SortFunc(r.binaries, func(a, b binary) int {
		return cmp.Or(cmp.Compare(a.Goarch, b.Goarch), cmp.Compare(a.Goarm, b.Goarm))
	})
	for _, b := range r.binaries {
		image, err := r.image(l, b)
		if err != nil {
			return "", err
		}
		all.Manifests = append(all.Manifests, image)
	}
	top, err := l.json(indexType, all)
	if err != nil {
		return "", err
	}
	top.Annotations = map[string]string{"org.opencontainers.image.ref.name": r.Version}
	names, err := json.Marshal(index{SchemaVersion: 2, MediaType: indexType, Manifests: []descriptor{top}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "index.json"), names, 0o644); err != nil {
		return "", err
	}
	return top.Digest, os.WriteFile(filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644)
}

// image writes the image for one platform.
func (r *release) image(l layout, b binary) (descriptor, error) {
	program, err := os.ReadFile(b.Path)
	if err != nil {
		return descriptor{}, err
	}
	plain, packed, err := r.layer(program)
	if err != nil {
		return descriptor{}, err
	}
	layer, err := l.blob(layerType, packed)
	if err != nil {
		return descriptor{}, err
	}
	c := config{Created: r.created, platform: platform{Architecture: b.Goarch, OS: b.Goos}}
	if b.Goarch == "arm" {
		c.Variant = "v" + b.Goarm
	}
	c.Config.Entrypoint, c.Config.Labels = []string{"/certgraft"}, r.annotations()
	c.RootFS.Type, c.RootFS.DiffIDs = "layers", []string{fmt.Sprintf("sha256:%x", sha256.Sum256(plain))}
	c.History = []step{{Created: r.created, CreatedBy: "COPY certgraft /certgraft"}}
	configuration, err := l.json(configType, c)
	if err != nil {
		return descriptor{}, err
	}
	d, err := l.json(manifestType, manifest{SchemaVersion: 2, MediaType: manifestType, Config: configuration, Layers: []descriptor{layer}, Annotations: r.annotations()})
	d.Platform = &c.platform
	return d, err
}

// layer returns the archive of the one file in the image, and that compressed.
func (r *release) layer(program []byte) (plain, packed []byte, err error) {
	var archive, compressed bytes.Buffer
	w := tar.NewWriter(&archive)
	header := &tar.Header{Typeflag: tar.TypeReg, Name: "certgraft", Mode: 0o755, Size: int64(len(program)), ModTime: r.created, Format: tar.FormatUSTAR}
	if err := w.WriteHeader(header); err != nil {
		return nil, nil, err
	}
	if _, err := w.Write(program); err != nil {
		return nil, nil, err
	}
	if err := w.Close(); err != nil {
		return nil, nil, err
	}
	z, err := gzip.NewWriterLevel(&compressed, gzip.BestCompression)
	if err != nil {
		return nil, nil, err
	}
	if _, err := z.Write(archive.Bytes()); err != nil {
		return nil, nil, err
	}
	if err := z.Close(); err != nil {
		return nil, nil, err
	}
	return archive.Bytes(), compressed.Bytes(), nil
}

// annotations are also the labels.
// See https://github.com/opencontainers/image-spec/blob/main/annotations.md.
func (r *release) annotations() map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":         "certgraft",
		"org.opencontainers.image.description":   "makes containers trust the CAs they need",
		"org.opencontainers.image.source":        "https://github.com/certgraft/certgraft",
		"org.opencontainers.image.documentation": "https://github.com/certgraft/certgraft#readme",
		"org.opencontainers.image.licenses":      "Apache-2.0",
		"org.opencontainers.image.version":       r.Version,
		"org.opencontainers.image.revision":      r.Commit,
		"org.opencontainers.image.created":       r.created.Format(time.RFC3339),
	}
}
