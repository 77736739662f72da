package oci

import (
	"fmt"
)

// RunConfig has the fields of an image's config that this program reads.
type RunConfig struct {
	Created      string `json:"created"`
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant"`
	Config       struct {
		Env        []string
		Entrypoint []string
		Cmd        []string
		WorkingDir string
		Labels     map[string]string
	} `json:"config"`
	RootFS struct {
		DiffIDs []Digest `json:"diff_ids"`
	} `json:"rootfs"`
	History []History `json:"history"`
}

// History is one build step of an image.
type History struct {
	Created    string `json:"created,omitempty"`
	CreatedBy  string `json:"created_by,omitempty"`
	Comment    string `json:"comment,omitempty"`
	EmptyLayer bool   `json:"empty_layer,omitempty"`
}

// ParseConfig reads the config of an image with these layers.
func ParseConfig(raw []byte, layers []Descriptor) (*RunConfig, error) {
	var c RunConfig
	if err := DecodeStrict(raw, &c); err != nil {
		return nil, fmt.Errorf("the config: %w", err)
	}
	if len(c.RootFS.DiffIDs) != len(layers) {
		return nil, fmt.Errorf("the manifest has %d layers and the config %d", len(layers), len(c.RootFS.DiffIDs))
	}
	for i, l := range layers {
		if (l.MediaType == LayerType || l.MediaType == DockerLayer) && l.Digest != c.RootFS.DiffIDs[i] {
			return nil, fmt.Errorf("layer %s is not compressed, and the config says that it unpacks to %s", l.Digest, c.RootFS.DiffIDs[i])
		}
	}
	return &c, nil
}

// Platform returns the platform that the config names.
func (c *RunConfig) Platform() Platform {
	return Platform{OS: c.OS, Architecture: c.Architecture, Variant: c.Variant}
}
