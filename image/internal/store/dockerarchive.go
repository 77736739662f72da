package store

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/image/internal/layer"
	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/hint"
)

// getDocker returns the image that ref names, or the only one, of an archive
// that docker save wrote.
func getDocker(ctx context.Context, t *tarFiles, text, ref string) (*oci.Image, error) {
	raw, err := layout{t}.readSmall("manifest.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hint.Add(fmt.Errorf("%s has no manifest.json: docker save did not write it", text), "an OCI layout in an archive is oci-archive:FILE")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	var all []saved
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, fmt.Errorf("%s: manifest.json: %w", text, err)
	}
	one, err := chooseSaved(all, ref)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	img, err := fromLayout(ctx, t, text, one)
	if err == nil && img == nil {
		img, err = fromSaved(ctx, t, text, one)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	img.Tags = one.RepoTags
	return img, nil
}

// saved is one image in the manifest.json of an archive that docker save wrote.
type saved struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func chooseSaved(all []saved, ref string) (saved, error) {
	var names []string
	for _, s := range all {
		names = append(names, s.RepoTags...)
		if ref != "" && (slices.Contains(s.RepoTags, ref) || slices.Contains(s.RepoTags, ref+":latest")) {
			return s, nil
		}
	}
	switch {
	case ref != "":
		return saved{}, hint.Add(oci.WithKind(fmt.Errorf("it holds no image %s", ref), oci.ErrUsage), "it has: "+strings.Join(names, ", "))
	case len(all) == 1:
		return all[0], nil
	}
	return saved{}, hint.Add(oci.WithKind(fmt.Errorf("it holds %d images", len(all)), oci.ErrUsage), "choose one by its name: "+strings.Join(names, ", "))
}

// fromLayout returns the image as the OCI layout in the archive has it, or nil
// if there is no layout, or none of this image.
func fromLayout(ctx context.Context, t *tarFiles, text string, one saved) (*oci.Image, error) {
	l := layout{t}
	raw, err := l.readSmall("index.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	index, err := oci.ParseManifest(oci.IndexType, raw)
	if err != nil {
		return nil, fmt.Errorf("index.json: %w", err)
	}
	for _, d := range index.Manifests {
		names := []string{d.Annotations[containerdName], d.Annotations[refName]}
		named := slices.ContainsFunc(one.RepoTags, func(tag string) bool {
			return slices.ContainsFunc(names, func(n string) bool { return n == tag || n != "" && strings.HasSuffix(n, "/"+tag) })
		})
		if !named && len(index.Manifests) > 1 {
			continue
		}
		return l.image(ctx, text, d)
	}
	return nil, nil
}

// fromSaved makes the manifest that an archive of older engines lacks. Layers
// in it are not compressed, so their digests are those that the config names;
// they are verified when they are read.
func fromSaved(ctx context.Context, t *tarFiles, text string, one saved) (*oci.Image, error) {
	rawConfig, err := layout{t}.readSmall(one.Config)
	if err != nil {
		return nil, fmt.Errorf("the config: %w", err)
	}
	config, err := oci.ParseConfig(rawConfig, make([]oci.Descriptor, len(one.Layers)))
	if err != nil {
		return nil, err
	}
	names := map[oci.Digest]string{oci.DigestOf(rawConfig): one.Config}
	layers := []oci.Descriptor{}
	for i, name := range one.Layers {
		d, err := savedLayer(ctx, t, layer.CleanName(name), config.RootFS.DiffIDs[i])
		if err != nil {
			return nil, err
		}
		names[d.Digest] = name
		layers = append(layers, d)
	}
	d := oci.Describe(oci.DockerConfig, rawConfig)
	img, err := oci.NewDocument(oci.Manifest{SchemaVersion: 2, MediaType: oci.DockerManifest, Config: &d, Layers: layers}, savedBlobs{t, names})
	if err != nil {
		return nil, err
	}
	img.Name = text
	return img, ctx.Err()
}

// savedBlobs are the files of an archive by the digests of their content.
type savedBlobs struct {
	t     *tarFiles
	names map[oci.Digest]string
}

func (s savedBlobs) Open(ctx context.Context, d oci.Descriptor) (io.ReadCloser, error) {
	name, ok := s.names[d.Digest]
	if !ok {
		return nil, fmt.Errorf("the archive does not have %s", d.Digest)
	}
	f, err := s.t.openFile(name)
	return oci.FileOf(ctx, f, err)
}

func savedLayer(ctx context.Context, t *tarFiles, name string, diffID oci.Digest) (oci.Descriptor, error) {
	at, err := t.find(name)
	if err != nil {
		return oci.Descriptor{}, fmt.Errorf("a layer: %w", err)
	}
	content := io.NewSectionReader(t.file, at.at, at.size)
	kind, err := oci.Sniff(bufio.NewReader(content))
	if err != nil {
		return oci.Descriptor{}, err
	}
	d := oci.Descriptor{MediaType: oci.DockerLayer, Digest: diffID, Size: at.size}
	if kind == oci.Plain {
		return d, nil
	}
	sum := oci.NewSum()
	if _, err := io.Copy(sum, oci.WithContext(ctx, io.NewSectionReader(t.file, at.at, at.size))); err != nil {
		return d, err
	}
	d.Digest = sum.Digest()
	d.MediaType = oci.DockerLayer + "." + string(kind)
	return d, nil
}

// dockerManifests returns the one image that docker load is to find, and the
// manifest.json by which engines before Docker 25 find it.
func dockerManifests(ctx context.Context, img *oci.Image, tag string) (*oci.Image, []byte, error) {
	one, err := single(ctx, img)
	if err != nil {
		return nil, nil, err
	}
	m, err := oci.ParseManifest(one.Descriptor.MediaType, one.Raw())
	if err != nil {
		return nil, nil, err
	}
	s := saved{Config: m.Config.Digest.Path(), RepoTags: img.Tags, Layers: []string{}}
	if tag != "" {
		s.RepoTags = []string{tagged(tag)}
	}
	for _, l := range m.Layers {
		if oci.IsForeign(l.MediaType) {
			return nil, nil, fmt.Errorf("the layer %s may not be copied into an archive", l.Digest)
		}
		s.Layers = append(s.Layers, l.Digest.Path())
	}
	raw, err := oci.EncodeJSON([]saved{s})
	return one, raw, err
}

// single returns the one image that an index holds, attestations aside.
func single(ctx context.Context, img *oci.Image) (*oci.Image, error) {
	if !oci.IsIndex(img.Descriptor.MediaType) {
		return img, nil
	}
	m, err := oci.ParseManifest(img.Descriptor.MediaType, img.Raw())
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(m.Manifests, func(d oci.Descriptor) bool { return d.Annotations[oci.ReferenceType] != "" })
	if len(all) != 1 {
		return nil, hint.Add(oci.WithKind(fmt.Errorf("an archive for docker load holds one image, and there are %d", len(all)), oci.ErrUsage), "choose one with --platform, or write oci-archive:FILE")
	}
	raw, err := oci.Read(ctx, img.Blobs(), all[0])
	if err != nil {
		return nil, err
	}
	return single(ctx, img.With(all[0], raw, img.Blobs()))
}

// tagged returns the name of an image with its tag.
func tagged(name string) string {
	if strings.Contains(name[strings.LastIndexByte(name, '/')+1:], ":") {
		return name
	}
	return name + ":latest"
}
