package image

import (
	"encoding/json"
	"testing"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// InMemory returns an image of layers that are not compressed, and nowhere on disk.
func InMemory(t testing.TB, layers ...[]byte) *Image {
	t.Helper()
	made := map[Digest]oci.Opener{}
	add := func(mediaType string, data []byte) Descriptor {
		d := oci.Describe(mediaType, data)
		made[d.Digest] = oci.Bytes(data)
		return d
	}
	document := func(mediaType string, v any) (Descriptor, []byte) {
		data, err := json.Marshal(v)
		must(t, err)
		return add(mediaType, data), data
	}
	descriptors, diffIDs := []Descriptor{}, []Digest{}
	for _, data := range layers {
		d := add(oci.LayerType, data)
		descriptors, diffIDs = append(descriptors, d), append(diffIDs, d.Digest)
	}
	config, _ := document(oci.ConfigType, map[string]any{"os": "linux", "architecture": "amd64", "rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs}})
	d, raw := document(oci.ManifestType, map[string]any{"schemaVersion": 2, "mediaType": oci.ManifestType, "config": config, "layers": descriptors})
	return oci.NewImage(d, raw, oci.Added{Made: made})
}
