package image

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
)

// getDocker returns the image that ref names, or the only one, of an archive
// that docker save wrote.
func getDocker(ctx context.Context, t *tarFiles, text, ref string) (*Image, error) {
	raw, err := layout{t}.readSmall("manifest.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, withHint(fmt.Errorf("%s has no manifest.json: docker save did not write it", text), "an OCI layout in an archive is oci-archive:FILE")
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
		return saved{}, withHint(withKind(fmt.Errorf("it holds no image %s", ref), ErrUsage), "it has: "+strings.Join(names, ", "))
	case len(all) == 1:
		return all[0], nil
	}
	return saved{}, withHint(withKind(fmt.Errorf("it holds %d images", len(all)), ErrUsage), "choose one by its name: "+strings.Join(names, ", "))
}

// fromLayout returns the image as the OCI layout in the archive has it, or nil
// if there is no layout, or none of this image.
func fromLayout(ctx context.Context, t *tarFiles, text string, one saved) (*Image, error) {
	l := layout{t}
	raw, err := l.readSmall("index.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	index, err := parseManifest(ociIndex, raw)
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
func fromSaved(ctx context.Context, t *tarFiles, text string, one saved) (*Image, error) {
	rawConfig, err := layout{t}.readSmall(one.Config)
	if err != nil {
		return nil, fmt.Errorf("the config: %w", err)
	}
	config, err := parseConfig(rawConfig, make([]Descriptor, len(one.Layers)))
	if err != nil {
		return nil, err
	}
	names := map[Digest]string{digestOf(rawConfig): one.Config}
	layers := []Descriptor{}
	for i, name := range one.Layers {
		d, err := savedLayer(ctx, t, cleanName(name), config.RootFS.DiffIDs[i])
		if err != nil {
			return nil, err
		}
		names[d.Digest] = name
		layers = append(layers, d)
	}
	raw, err := encodeJSON(struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		Config        Descriptor   `json:"config"`
		Layers        []Descriptor `json:"layers"`
	}{2, dockerManifest, describe(dockerConfig, rawConfig), layers})
	if err != nil {
		return nil, err
	}
	img := newImage(describe(dockerManifest, raw), raw, savedBlobs{t, names})
	img.Name = text
	return img, ctx.Err()
}

// savedBlobs are the files of an archive by the digests of their content.
type savedBlobs struct {
	t     *tarFiles
	names map[Digest]string
}

func (s savedBlobs) open(ctx context.Context, d Descriptor) (io.ReadCloser, error) {
	name, ok := s.names[d.Digest]
	if !ok {
		return nil, fmt.Errorf("the archive does not have %s", d.Digest)
	}
	f, err := s.t.openFile(name)
	return fileOf(ctx, f, err)
}

func savedLayer(ctx context.Context, t *tarFiles, name string, diffID Digest) (Descriptor, error) {
	at, err := t.find(name)
	if err != nil {
		return Descriptor{}, fmt.Errorf("a layer: %w", err)
	}
	content := io.NewSectionReader(t.file, at.at, at.size)
	kind, err := sniff(bufio.NewReader(content))
	if err != nil {
		return Descriptor{}, err
	}
	d := Descriptor{MediaType: dockerLayer, Digest: diffID, Size: at.size}
	if kind == plain {
		return d, nil
	}
	h, err := diffID.newHash()
	if err != nil {
		return d, err
	}
	if _, err := io.Copy(h, withContext(ctx, io.NewSectionReader(t.file, at.at, at.size))); err != nil {
		return d, err
	}
	d.Digest = Digest(fmt.Sprintf("sha256:%x", h.Sum(nil)))
	d.MediaType = dockerLayer + "." + string(kind)
	return d, nil
}

// dockerManifests returns the one image that docker load is to find, and the
// manifest.json by which engines before Docker 25 find it.
func dockerManifests(ctx context.Context, img *Image, tag string) (*Image, []byte, error) {
	one, err := single(ctx, img)
	if err != nil {
		return nil, nil, err
	}
	m, err := parseManifest(one.Descriptor.MediaType, one.raw)
	if err != nil {
		return nil, nil, err
	}
	s := saved{Config: m.Config.Digest.path(), RepoTags: img.Tags, Layers: []string{}}
	if tag != "" {
		s.RepoTags = []string{tagged(tag)}
	}
	for _, l := range m.Layers {
		if isForeign(l.MediaType) {
			return nil, nil, fmt.Errorf("the layer %s may not be copied into an archive", l.Digest)
		}
		s.Layers = append(s.Layers, l.Digest.path())
	}
	raw, err := encodeJSON([]saved{s})
	return one, raw, err
}

// single returns the one image that an index holds, attestations aside.
func single(ctx context.Context, img *Image) (*Image, error) {
	if !isIndex(img.Descriptor.MediaType) {
		return img, nil
	}
	m, err := parseManifest(img.Descriptor.MediaType, img.raw)
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(m.Manifests, func(d Descriptor) bool { return d.Annotations[referenceType] != "" })
	if len(all) != 1 {
		return nil, withHint(withKind(fmt.Errorf("an archive for docker load holds one image, and there are %d", len(all)), ErrUsage), "choose one with --platform, or write oci-archive:FILE")
	}
	raw, err := read(ctx, img.from, all[0])
	if err != nil {
		return nil, err
	}
	return single(ctx, img.with(all[0], raw, img.from))
}

// tagged returns the name of an image with its tag.
func tagged(name string) string {
	if strings.Contains(name[strings.LastIndexByte(name, '/')+1:], ":") {
		return name
	}
	return name + ":latest"
}
