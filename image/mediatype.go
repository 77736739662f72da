package image

import (
	"slices"
	"strings"
)

// Media types of manifests, indexes and configs.
const (
	ociIndex       = "application/vnd.oci.image.index.v1+json"
	ociManifest    = "application/vnd.oci.image.manifest.v1+json"
	ociConfig      = "application/vnd.oci.image.config.v1+json"
	dockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerConfig   = "application/vnd.docker.container.image.v1+json"
)

// manifestTypes is what a registry is asked for.
var manifestTypes = []string{ociIndex, dockerList, ociManifest, dockerManifest}

// Media types of layers, without what says how they are compressed.
const (
	ociLayer    = "application/vnd.oci.image.layer.v1.tar"
	dockerLayer = "application/vnd.docker.image.rootfs.diff.tar"
)

func isIndex(mediaType string) bool { return mediaType == ociIndex || mediaType == dockerList }

func isManifest(mediaType string) bool {
	return mediaType == ociManifest || mediaType == dockerManifest
}

func isImageConfig(mediaType string) bool {
	return mediaType == ociConfig || mediaType == dockerConfig
}

// isForeign reports whether a layer may not be in the registry, and must not
// be pushed to another: those of Windows.
func isForeign(mediaType string) bool {
	return strings.Contains(mediaType, "nondistributable") || strings.Contains(mediaType, "rootfs.foreign")
}

// compression is how a layer is packed.
type compression string

const (
	plain     compression = ""
	gzipped   compression = "gzip"
	zstandard compression = "zstd"
)

// layerType returns the media type of a layer that goes on top of others: of
// their family and compressed as they are. Some engines refuse a mix.
func layerType(manifestType string, layers []Descriptor) (string, compression) {
	for _, l := range slices.Backward(layers) {
		mediaType := l.MediaType
		if isForeign(mediaType) {
			continue
		}
		switch {
		case mediaType == ociLayer, mediaType == dockerLayer:
			return mediaType, plain
		case strings.HasPrefix(mediaType, ociLayer+"+zstd"):
			return ociLayer + "+zstd", zstandard
		case strings.HasPrefix(mediaType, ociLayer):
			return ociLayer + "+gzip", gzipped
		case mediaType == dockerLayer+".zstd":
			return mediaType, zstandard
		case strings.HasPrefix(mediaType, dockerLayer):
			return dockerLayer + ".gzip", gzipped
		}
	}
	if manifestType == dockerManifest {
		return dockerLayer + ".gzip", gzipped
	}
	return ociLayer + "+gzip", gzipped
}

// How BuildKit marks attestations in an index.
const (
	referenceType   = "vnd.docker.reference.type"
	referenceDigest = "vnd.docker.reference.digest"
)
