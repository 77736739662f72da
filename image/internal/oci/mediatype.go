package oci

import (
	"slices"
	"strings"
)

// Media types of manifests, indexes and configs.
const (
	IndexType      = "application/vnd.oci.image.index.v1+json"
	ManifestType   = "application/vnd.oci.image.manifest.v1+json"
	ConfigType     = "application/vnd.oci.image.config.v1+json"
	dockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	DockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	DockerConfig   = "application/vnd.docker.container.image.v1+json"
)

// ManifestTypes are the media types to ask a registry for.
var ManifestTypes = []string{IndexType, dockerList, ManifestType, DockerManifest}

// Media types of layers, without the suffix for the compression.
const (
	LayerType   = "application/vnd.oci.image.layer.v1.tar"
	DockerLayer = "application/vnd.docker.image.rootfs.diff.tar"
)

// IsIndex reports whether the media type is that of an index.
func IsIndex(mediaType string) bool { return mediaType == IndexType || mediaType == dockerList }

// IsManifest reports whether the media type is that of an image's manifest.
func IsManifest(mediaType string) bool {
	return mediaType == ManifestType || mediaType == DockerManifest
}

// IsDocker reports whether the media type of a manifest or an index is Docker's.
func IsDocker(mediaType string) bool { return mediaType == DockerManifest || mediaType == dockerList }

// IsImageConfig reports whether the media type is that of an image's config.
func IsImageConfig(mediaType string) bool {
	return mediaType == ConfigType || mediaType == DockerConfig
}

// IsForeign reports whether a layer of Windows may be missing in the registry,
// and must not be pushed to another one.
func IsForeign(mediaType string) bool {
	return strings.Contains(mediaType, "nondistributable") || strings.Contains(mediaType, "rootfs.foreign")
}

// IsLayer reports whether the media type and the annotations describe a file
// system in a tar archive.
func IsLayer(d Descriptor) bool {
	for _, lazy := range []string{"containerd.io/snapshot/nydus-", "containerd.io/snapshot/overlaybd/"} {
		for key := range d.Annotations {
			if strings.HasPrefix(key, lazy) {
				return false
			}
		}
	}
	return strings.HasPrefix(d.MediaType, LayerType) || strings.HasPrefix(d.MediaType, DockerLayer) || IsForeign(d.MediaType)
}

// Compression is the compression of a layer.
type Compression string

// The compressions of layers.
const (
	Plain     Compression = ""
	Gzipped   Compression = "gzip"
	Zstandard Compression = "zstd"
)

// TopLayerType returns the media type of a layer on top of others, with their
// family and their compression: some engines refuse a mix.
func TopLayerType(manifestType string, layers []Descriptor) (string, Compression) {
	for _, l := range slices.Backward(layers) {
		mediaType := l.MediaType
		if IsForeign(mediaType) {
			continue
		}
		switch {
		case mediaType == LayerType, mediaType == DockerLayer:
			return mediaType, Plain
		case strings.HasPrefix(mediaType, LayerType+"+zstd"):
			return LayerType + "+zstd", Zstandard
		case strings.HasPrefix(mediaType, LayerType):
			return LayerType + "+gzip", Gzipped
		case mediaType == DockerLayer+".zstd":
			return mediaType, Zstandard
		case strings.HasPrefix(mediaType, DockerLayer):
			return DockerLayer + ".gzip", Gzipped
		}
	}
	if manifestType == DockerManifest {
		return DockerLayer + ".gzip", Gzipped
	}
	return LayerType + "+gzip", Gzipped
}

// Annotations by which BuildKit marks attestations in an index.
const (
	ReferenceType   = "vnd.docker.reference.type"
	ReferenceDigest = "vnd.docker.reference.digest"
)
