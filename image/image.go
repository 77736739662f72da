// Package image edits the root file system of container images that a registry,
// an OCI layout, an archive or a container engine keeps.
//
// Start with [image.Update]. It gives an edit the root of each platform's image
// as a [rootfs.Overlay], and adds the edit's changes as one more layer. The
// rest of the image stays: manifests and configs are edited as raw JSON, so
// unknown fields survive. [image.Locations] parses the text that users write
// (REGISTRY/REPO:TAG, oci:DIR, docker-archive:FILE …) into an [image.Location].
// A location gets an [Image] and puts one.
//
// The root of an image is the stack of its layers, see [image.Root]. Each layer
// is read once, as a stream, several at a time. The package keeps the metadata
// of each name and the contents of the few files that an edit is likely to
// read. A failure to read a layer is an error: it never passes for a missing
// file.
//
// The API may change before version 1.0.
//
// See https://github.com/opencontainers/image-spec for manifests, layers and
// layouts, and https://github.com/opencontainers/distribution-spec for
// registries.
package image

import (
	"log/slog"

	"github.com/certgraft/certgraft/image/internal/known"
	"github.com/certgraft/certgraft/image/internal/layer"
	"github.com/certgraft/certgraft/image/internal/oci"
)

// An Image is a manifest, or an index of several, and the place that holds its
// content. [Location.Get] returns one, and [Update] returns its edited form.
// Raw returns the bytes of the manifest or index.
type Image = oci.Image

// Descriptor names content and describes it, as in the OCI image specification.
type Descriptor = oci.Descriptor

// A Digest names content by its hash, as ALGORITHM:HEX.
type Digest = oci.Digest

// Platform is the operating system and the architecture of an image.
type Platform = oci.Platform

// ParsePlatform reads OS/ARCHITECTURE[/VARIANT], as in linux/arm64/v8.
func ParsePlatform(text string) (Platform, error) { return oci.ParsePlatform(text) }

// Cache keeps listings of layers in a directory. A layer that any image had
// before is not downloaded again.
type Cache = known.Cache

// OpenCache opens the cache in dir, and creates dir if it is missing. It
// returns an error if the cache is unusable. A cache that fails later is logged
// and ignored.
func OpenCache(dir string, log *slog.Logger) (*Cache, error) { return known.OpenCache(dir, log) }

// CacheRepo keeps listings of layers in a repository of a registry, see
// [Locations.CacheRepo].
type CacheRepo = known.CacheRepo

// Memory keeps listings of layers while a program runs. Several updates that
// share one read each layer once. The zero value is ready for use.
type Memory = known.Memory

// DefaultMaxLayerSize is the default limit of an unpacked layer, in bytes.
const DefaultMaxLayerSize = layer.DefaultMaxLayerSize

// ErrUnreachable is wrapped by the error of a registry or engine that did not
// answer, or refused.
var ErrUnreachable = oci.ErrUnreachable

// ErrRefused is wrapped by the error of an image with too many entries in a
// layer, or too many images in an index.
var ErrRefused = oci.ErrRefused

// ErrUsage is wrapped by the error of a malformed location or platform.
var ErrUsage = oci.ErrUsage
