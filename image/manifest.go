package image

import (
	"encoding/json"
	"errors"
	"fmt"
)

// manifest is what is read of a manifest or index. It is never written.
type manifest struct {
	MediaType    string            `json:"mediaType"`
	ArtifactType string            `json:"artifactType"`
	Config       *Descriptor       `json:"config"`
	Layers       []Descriptor      `json:"layers"`
	Manifests    []Descriptor      `json:"manifests"`
	Subject      *Descriptor       `json:"subject"`
	Annotations  map[string]string `json:"annotations"`
}

// parseManifest reads a manifest or index of that media type. Bytes that could
// be taken for either are refused: two readers would see two images.
func parseManifest(mediaType string, raw []byte) (*manifest, error) {
	var m manifest
	if err := exact(raw, &m); err != nil {
		return nil, fmt.Errorf("the manifest: %w", err)
	}
	switch {
	case m.MediaType != "" && m.MediaType != mediaType:
		return nil, fmt.Errorf("the manifest says that it is %s, and its descriptor that it is %s", m.MediaType, mediaType)
	case isIndex(mediaType) && (m.Config != nil || m.Layers != nil), isManifest(mediaType) && m.Manifests != nil:
		return nil, errors.New("the manifest could be an image or an index")
	case isManifest(mediaType) && m.Config == nil:
		return nil, errors.New("the manifest has no config")
	}
	for _, list := range [][]Descriptor{m.Layers, m.Manifests} {
		for _, d := range list {
			if _, err := d.Digest.newHash(); err != nil {
				return nil, fmt.Errorf("the manifest names a %w", err)
			}
		}
	}
	return &m, nil
}

// mediaTypeOf returns the media type of a manifest that came without one.
func mediaTypeOf(raw []byte, fallback string) (string, error) {
	var m manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return "", fmt.Errorf("the manifest is not JSON: %w", err)
	}
	mediaType := m.MediaType
	switch {
	case mediaType != "":
	case isIndex(fallback) || isManifest(fallback):
		mediaType = fallback
	case m.Manifests != nil:
		mediaType = ociIndex
	case m.Config != nil:
		mediaType = ociManifest
	default:
		mediaType = fallback
	}
	if !isIndex(mediaType) && !isManifest(mediaType) {
		return "", withHint(fmt.Errorf("a manifest of type %q is not read", mediaType), "schema 1 images are from before 2016: push the image again with a current tool")
	}
	return mediaType, nil
}

// redirect has a descriptor, as it was written, name other content.
func redirect(raw json.RawMessage, to Descriptor) (json.RawMessage, error) {
	o, err := parseObject(raw)
	if err != nil {
		return nil, err
	}
	o.remove("data") // the content itself, where it was embedded
	if err := o.set("digest", to.Digest); err != nil {
		return nil, err
	}
	if err := o.set("size", to.Size); err != nil {
		return nil, err
	}
	return o.encode(), nil
}
