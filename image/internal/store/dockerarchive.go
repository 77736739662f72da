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

// getDocker returns the image with the name ref, or the only image, of an
// archive from docker save.
func (c *contents) getDocker(ctx context.Context, text, ref string) (*oci.Image, error) {
	raw, err := layout{c}.readSmall(savedFile)
	if errors.Is(err, fs.ErrNotExist) {
		advice := "an archive of images has manifest.json or index.json at its top: write one with docker save NAME -o FILE"
		if c.has("index.json") {
			advice = "it has an OCI layout: name it oci-archive:FILE"
		}
		return nil, hint.Add(fmt.Errorf("%s has no manifest.json: docker save did not write it", text), advice)
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
	img, err := fromLayout(ctx, c, text, one)
	if err == nil && img == nil {
		img, _, err = fromSaved(ctx, c, text, one)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	img.Tags = one.RepoTags
	return img, nil
}

// saved is one image in the manifest.json of an archive from docker save.
type saved struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// chooseSaved returns the image with the name ref. It drops the image's other
// names, which the caller did not choose.
func chooseSaved(all []saved, ref string) (saved, error) {
	var names []string
	for _, s := range all {
		names = append(names, s.RepoTags...)
		if i := slices.IndexFunc(s.RepoTags, func(tag string) bool { return sameImage(tag, ref) }); ref != "" && i >= 0 {
			s.RepoTags = s.RepoTags[i : i+1]
			return s, nil
		}
	}
	switch {
	case len(all) == 0:
		return saved{}, hint.Add(errors.New("it holds no image: its manifest.json is empty"), "save the image again: docker save NAME -o FILE")
	case ref != "":
		return saved{}, hint.Add(oci.WithKind(fmt.Errorf("it holds no image %s", ref), oci.ErrUsage), "it has: "+strings.Join(names, ", "))
	case len(all) == 1:
		return all[0], nil
	}
	return saved{}, hint.Add(oci.WithKind(fmt.Errorf("it holds %d images", len(all)), oci.ErrUsage), "choose one by its name: "+strings.Join(names, ", "))
}

// fromLayout returns the image from the archive's OCI layout. It returns nil if
// the archive has no layout, or if the layout lacks the image.
func fromLayout(ctx context.Context, c *contents, text string, one saved) (*oci.Image, error) {
	l := layout{c}
	raw, err := l.readSmall("index.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	index, err := parseIndex(raw)
	if err != nil {
		return nil, err
	}
	for _, d := range index.Manifests {
		named := slices.ContainsFunc(one.RepoTags, func(tag string) bool { return engineName(tag).isOf(d) })
		if named || len(index.Manifests) == 1 {
			return l.image(ctx, text, d)
		}
	}
	return nil, nil
}

// fromSaved makes the manifest that an archive of an older engine lacks. Plain
// layers have the digests in the config, and reading verifies them. It also
// returns the files by digest.
func fromSaved(ctx context.Context, c *contents, text string, one saved) (*oci.Image, map[oci.Digest]string, error) {
	rawConfig, err := layout{c}.readSmall(one.Config)
	if err != nil {
		return nil, nil, fmt.Errorf("the config: %w", err)
	}
	config, err := oci.ParseConfig(rawConfig, make([]oci.Descriptor, len(one.Layers)))
	if err != nil {
		return nil, nil, err
	}
	names := map[oci.Digest]string{oci.DigestOf(rawConfig): one.Config}
	layers := []oci.Descriptor{}
	for i, name := range one.Layers {
		d, err := savedLayer(ctx, c, layer.CleanName(name), config.RootFS.DiffIDs[i])
		if err != nil {
			return nil, nil, err
		}
		names[d.Digest] = name
		layers = append(layers, d)
	}
	d := oci.Describe(oci.DockerConfig, rawConfig)
	img, err := oci.NewDocument(oci.Manifest{SchemaVersion: 2, MediaType: oci.DockerManifest, Config: &d, Layers: layers}, savedBlobs{c, names})
	if err != nil {
		return nil, nil, err
	}
	img.Name = text
	return img, names, ctx.Err()
}

// savedBlobs finds the files of an archive by the digests of their contents.
type savedBlobs struct {
	*contents
	names map[oci.Digest]string
}

func (s savedBlobs) Open(ctx context.Context, d oci.Descriptor) (io.ReadCloser, error) {
	name, ok := s.names[d.Digest]
	if !ok {
		return nil, fmt.Errorf("the archive does not have %s", d.Digest)
	}
	f, err := s.openFile(name)
	return oci.FileOf(ctx, f, err)
}

// Has implements [oci.Haver].
func (s savedBlobs) Has(d oci.Descriptor) bool { return s.names[d.Digest] != "" }

func savedLayer(ctx context.Context, c *contents, name string, diffID oci.Digest) (oci.Descriptor, error) {
	at, err := c.find(name)
	if err != nil {
		return oci.Descriptor{}, fmt.Errorf("a layer: %w", err)
	}
	content := io.NewSectionReader(c.file, at.at, at.size)
	kind, err := oci.Sniff(bufio.NewReader(content))
	if err != nil {
		return oci.Descriptor{}, err
	}
	d := oci.Descriptor{MediaType: oci.DockerLayer, Digest: diffID, Size: at.size}
	if kind == oci.Plain {
		return d, nil
	}
	sum := oci.NewSum()
	if _, err := io.Copy(sum, oci.WithContext(ctx, io.NewSectionReader(c.file, at.at, at.size))); err != nil {
		return d, err
	}
	d.Digest = sum.Digest()
	d.MediaType = oci.DockerLayer + "." + string(kind)
	return d, nil
}
