package oci

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/certgraft/certgraft/internal/hint"
)

// Manifest has the fields of a manifest or index that this program reads. Only
// [NewDocument] writes one, for an image without a manifest; an existing
// manifest is edited as JSON.
type Manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType,omitempty"`
	Config        *Descriptor       `json:"config"`
	Layers        []Descriptor      `json:"layers"`
	Manifests     []Descriptor      `json:"manifests,omitempty"`
	Subject       *Descriptor       `json:"subject,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// ParseManifest reads a manifest or index of that media type. It refuses bytes
// that fit both: two readers would see two images.
func ParseManifest(mediaType string, raw []byte) (*Manifest, error) {
	var m Manifest
	if err := DecodeStrict(raw, &m); err != nil {
		return nil, fmt.Errorf("the manifest: %w", err)
	}
	switch {
	case m.MediaType != "" && m.MediaType != mediaType:
		return nil, fmt.Errorf("the manifest says that it is %s, and its descriptor that it is %s", m.MediaType, mediaType)
	case IsIndex(mediaType) && (m.Config != nil || m.Layers != nil), IsManifest(mediaType) && m.Manifests != nil:
		return nil, errors.New("the manifest could be an image or an index")
	case IsManifest(mediaType) && m.Config == nil:
		return nil, errors.New("the manifest has no config")
	}
	for _, list := range [][]Descriptor{m.Layers, m.Manifests} {
		for _, d := range list {
			if _, err := d.Digest.NewHash(); err != nil {
				return nil, fmt.Errorf("the manifest names a %w", err)
			}
		}
	}
	return &m, nil
}

// MediaTypeOf returns the media type of a manifest that came without one.
func MediaTypeOf(raw []byte, fallback string) (string, error) {
	var m Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return "", fmt.Errorf("the manifest is not JSON: %w", err)
	}
	mediaType := m.MediaType
	switch {
	case mediaType != "":
	case IsIndex(fallback) || IsManifest(fallback):
		mediaType = fallback
	case m.Manifests != nil:
		mediaType = IndexType
	case m.Config != nil:
		mediaType = ManifestType
	default:
		mediaType = fallback
	}
	if !IsIndex(mediaType) && !IsManifest(mediaType) {
		return "", hint.Add(fmt.Errorf("a manifest of type %q is not read", mediaType), "schema 1 images are from before 2016: push the image again with a current tool")
	}
	return mediaType, nil
}

// Redirect points a descriptor at other content, and keeps its other bytes. It
// replaces embedded content by content. It removes embedded content if content
// is nil, or if the old content does not match the old digest.
func (o *Object) Redirect(to Descriptor, content []byte) error {
	var was struct {
		Digest Digest
		Data   []byte
	}
	switch embedded := o.Raw("data"); {
	case embedded == nil:
	case content == nil, errors.Join(o.Get("data", &was.Data), o.Get("digest", &was.Digest)) != nil, DigestOf(was.Data) != was.Digest:
		o.Remove("data")
	default:
		if err := o.Set("data", content); err != nil {
			return err
		}
	}
	var mediaType string
	if err := o.Get("mediaType", &mediaType); err != nil {
		return err
	}
	if mediaType != to.MediaType {
		if err := o.Set("mediaType", to.MediaType); err != nil {
			return err
		}
	}
	return errors.Join(o.Set("digest", to.Digest), o.Set("size", to.Size))
}
