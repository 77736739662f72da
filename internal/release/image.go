package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/certgraft/certgraft/internal/ocilayout"
)

// product is an image of the release: an index of images FROM scratch.
type product struct {
	title, description, documentation string

	entrypoint string
	labels     map[string]string // in addition to the annotations
	files      func(b binary) ([]file, error)
}

// file is a file in an image.
type file struct {
	name, from string // from is the path on this machine
	mode       int64
}

// licences are the licence files of each image. The frontend also has the licences
// of its modules.
func (r *release) licences() []file {
	return []file{{"licenses/LICENSE", r.source("LICENSE"), 0o644}, {"licenses/NOTICE", r.source("NOTICE"), 0o644}}
}

func (r *release) source(name string) string { return filepath.Join(r.checkout, name) }

// certgraft is the image of the program.
func (r *release) certgraft() product {
	return product{
		title: "certgraft", description: "makes containers trust the CAs they need", documentation: "https://github.com/certgraft/certgraft#readme",
		entrypoint: "/certgraft",
		files: func(b binary) ([]file, error) {
			return append([]file{{"certgraft", b.Path, 0o755}}, r.licences()...), nil
		},
	}
}

// frontend is the image that BuildKit runs. frontend/Dockerfile makes the same
// image.
func (r *release) frontend() product {
	return product{
		title: "certgraft-frontend", description: "a Dockerfile frontend whose RUN steps trust the CAs they need",
		documentation: "https://github.com/certgraft/certgraft/blob/main/docs/one-step.md",
		entrypoint:    "/certgraft-frontend",
		labels: map[string]string{
			"moby.buildkit.frontend.network.none": "true", // engines without a bridge start it too
			"moby.buildkit.frontend.caps": "moby.buildkit.frontend.inputs,moby.buildkit.frontend.subrequests,moby.buildkit.frontend.contexts," +
				"moby.buildkit.frontend.gitquerystring,moby.buildkit.frontend.contexts.zstd",
		},
		files: func(b binary) ([]file, error) {
			i := slices.IndexFunc(r.binaries, func(c binary) bool { return c.Name == "certgraft" && c.Goarch == b.Goarch })
			if i < 0 {
				return nil, fmt.Errorf("there is no certgraft for %s", b.Goarch)
			}
			programs := []file{{"certgraft-frontend", b.Path, 0o755}, {"certgraft", r.binaries[i].Path, 0o755}}
			return append(append(programs, r.licences()...), file{"licenses/NOTICE.frontend", r.source("frontend/NOTICE"), 0o644}), nil
		},
	}
}

// write writes a new layout with the version as tag, and returns the digest of its
// index. The images are sorted by platform.
func (r *release) write(p product, dir string) (string, error) {
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
		if b.Name != p.title {
			continue
		}
		image, err := r.image(l, p, b)
		if err != nil {
			return "", err
		}
		images = append(images, image)
	}
	top, err := l.Index(ocilayout.OCIIndex, map[string]any{"annotations": r.annotations(p)}, images...)
	if err != nil {
		return "", err
	}
	return top.Digest(), l.Tag(top, r.Version)
}

// image writes the image for one platform.
func (r *release) image(l *ocilayout.Layout, p product, b binary) (ocilayout.Descriptor, error) {
	files, err := p.files(b)
	if err != nil {
		return nil, err
	}
	layer, err := r.layer(files)
	if err != nil {
		return nil, err
	}
	labels := r.annotations(p)
	maps.Copy(labels, p.labels)
	img := ocilayout.Image{
		Packed: "gzip", Platform: b.Goos + "/" + b.Goarch, Layers: [][]byte{layer}, Manifest: map[string]any{"annotations": r.annotations(p)},
		Config: map[string]any{
			"created": r.created, "config": map[string]any{"Entrypoint": []string{p.entrypoint}, "Labels": labels},
			"history": []any{map[string]any{"created": r.created, "created_by": "COPY " + p.title + " /"}},
		},
	}
	if b.Goarch == "arm" {
		img.Platform += "/v" + b.Goarm
		img.Config["variant"] = "v" + b.Goarm
	}
	return l.Image(img)
}

// layer returns an archive of files and of the directories above them.
func (r *release) layer(files []file) ([]byte, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	made := map[string]bool{".": true}
	for _, f := range files {
		data, err := os.ReadFile(f.from)
		if err != nil {
			return nil, err
		}
		if dir := path.Dir(f.name); !made[dir] {
			made[dir] = true
			if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: r.created, Format: tar.FormatUSTAR}); err != nil {
				return nil, err
			}
		}
		header := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: f.mode, Size: int64(len(data)), ModTime: r.created, Format: tar.FormatUSTAR}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(data); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return archive.Bytes(), err
}

// annotations are the annotations and the labels. See
// https://github.com/opencontainers/image-spec/blob/main/annotations.md.
func (r *release) annotations(p product) map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":         p.title,
		"org.opencontainers.image.description":   p.description,
		"org.opencontainers.image.source":        "https://github.com/certgraft/certgraft",
		"org.opencontainers.image.documentation": p.documentation,
		"org.opencontainers.image.licenses":      "Apache-2.0",
		"org.opencontainers.image.version":       r.Version,
		"org.opencontainers.image.revision":      r.Commit,
		"org.opencontainers.image.created":       r.created.Format(time.RFC3339),
	}
}
