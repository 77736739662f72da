package image

import (
	"fmt"
)

// runConfig is what is read of an image's config.
type runConfig struct {
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
	History []history `json:"history"`
}

// history is one step of how an image was made.
type history struct {
	Created    string `json:"created,omitempty"`
	CreatedBy  string `json:"created_by,omitempty"`
	Comment    string `json:"comment,omitempty"`
	EmptyLayer bool   `json:"empty_layer,omitempty"`
}

func parseConfig(raw []byte, layers []Descriptor) (*runConfig, error) {
	var c runConfig
	if err := exact(raw, &c); err != nil {
		return nil, fmt.Errorf("the config: %w", err)
	}
	if len(c.RootFS.DiffIDs) != len(layers) {
		return nil, fmt.Errorf("the manifest has %d layers and the config %d", len(layers), len(c.RootFS.DiffIDs))
	}
	for i, l := range layers {
		if (l.MediaType == ociLayer || l.MediaType == dockerLayer) && l.Digest != c.RootFS.DiffIDs[i] {
			return nil, fmt.Errorf("layer %s is not compressed, and the config says that it unpacks to %s", l.Digest, c.RootFS.DiffIDs[i])
		}
	}
	return &c, nil
}

func (c *runConfig) platform() Platform {
	return Platform{OS: c.OS, Architecture: c.Architecture, Variant: c.Variant}
}
