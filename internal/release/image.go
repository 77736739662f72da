package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"os"
	"slices"
	"time"

	"github.com/certgraft/certgraft/internal/ocilayout"
)

// write writes a layout anew, tagged with the version, and returns the digest of
// its index. The images are in the order of their platforms' names.
func (r *release) write(dir string) (string, error) {
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	l, err := ocilayout.Open(dir)
	if err != nil {
		return "", err
	}
	l.Level, l.Compact = gzip.BestCompression, true
	slices.SortFunc(r.binaries, func(a, b binary) int {
		return cmp.Or(cmp.Compare(a.Goarch, b.Goarch), cmp.Compare(a.Goarm, b.Goarm))
	})
	var images []ocilayout.Descriptor
	for _, b := range r.binaries {
		image, err := r.image(l, b)
		if err != nil {
			return "", err
		}
		images = append(images, image)
	}
	top, err := l.Index(ocilayout.OCIIndex, map[string]any{"annotations": r.annotations()}, images...)
	if err != nil {
		return "", err
	}
	return top.Digest(), l.Tag(top, r.Version)
}

// image writes the image for one platform.
func (r *release) image(l *ocilayout.Layout, b binary) (ocilayout.Descriptor, error) {
	program, err := os.ReadFile(b.Path)
	if err != nil {
		return nil, err
	}
	layer, err := r.layer(program)
	if err != nil {
		return nil, err
	}
	img := ocilayout.Image{
		Packed: "gzip", Platform: b.Goos + "/" + b.Goarch, Layers: [][]byte{layer}, Manifest: map[string]any{"annotations": r.annotations()},
		Config: map[string]any{
			"created": r.created, "config": map[string]any{"Entrypoint": []string{"/certgraft"}, "Labels": r.annotations()},
			"history": []any{map[string]any{"created": r.created, "created_by": "COPY certgraft /certgraft"}},
		},
	}
	if b.Goarch == "arm" {
		img.Platform += "/v" + b.Goarm
		img.Config["variant"] = "v" + b.Goarm
	}
	return l.Image(img)
}

// layer returns the archive of the one file in the image.
func (r *release) layer(program []byte) ([]byte, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	header := &tar.Header{Typeflag: tar.TypeReg, Name: "certgraft", Mode: 0o755, Size: int64(len(program)), ModTime: r.created, Format: tar.FormatUSTAR}
	if err := w.WriteHeader(header); err != nil {
		return nil, err
	}
	if _, err := w.Write(program); err != nil {
		return nil, err
	}
	err := w.Close()
	return archive.Bytes(), err
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
