// Package image edits the root file system of container images, where they are
// kept: in a registry, an OCI layout, an archive or a container engine.
//
// Start with [image.Update]: it shows an edit the root of each platform's image as a
// [rootfs.Overlay], and adds what the edit changes as one more layer. Nothing
// else of the image is touched: manifests and configs are edited as raw JSON,
// so that fields that this package does not know survive. [image.Locations] turns
// what users write (REGISTRY/REPO:TAG, oci:DIR, docker-archive:FILE …) into a
// [image.Location], from which an [Image] is got and to which it is put.
//
// The root of an image is what its layers come to, see [image.Root]. Each layer is
// read once, as a stream, several at a time; kept are what it says of each name
// and the contents of the few files that an edit is likely to read. An error
// while a layer is read is an error: it never passes for a file that is not
// there.
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

// An Image is a manifest, or an index of several, and the place where what it
// names is read. [Location.Get] returns one, and [Update] what it becomes. Raw
// returns the bytes of the manifest or index.
type Image = oci.Image

// Descriptor says what content is and how it is named, as in the OCI image
// specification.
type Descriptor = oci.Descriptor

// A Digest names content by its hash, as ALGORITHM:HEX.
type Digest = oci.Digest

// Platform is what an image runs on.
type Platform = oci.Platform

// ParsePlatform reads OS/ARCHITECTURE[/VARIANT], as in linux/arm64/v8.
func ParsePlatform(text string) (Platform, error) { return oci.ParsePlatform(text) }

// Cache keeps what is known of layers in a directory, so that a layer that was
// seen once, in whatever image, is not downloaded again.
type Cache = known.Cache

// OpenCache opens the cache in dir, which is made if it is not there. A cache
// that cannot be used is an error; one that fails later is logged and done
// without.
func OpenCache(dir string, log *slog.Logger) (*Cache, error) { return known.OpenCache(dir, log) }

// CacheRepo keeps what is known of layers in a repository of a registry, see
// [Locations.CacheRepo].
type CacheRepo = known.CacheRepo

// Memory is what is known of layers while a program runs. Several updates that
// share one read a layer once. The zero value is ready for use.
type Memory = known.Memory

// DefaultMaxLayerSize is the size up to which an unpacked layer is read.
const DefaultMaxLayerSize = layer.DefaultMaxLayerSize

// ErrUnreachable is what an error wraps where a registry or engine did not
// answer, or refused.
var ErrUnreachable = oci.ErrUnreachable

// ErrRefused is what an error wraps where an image has more entries in a layer, or
// more images in an index, than are read.
var ErrRefused = oci.ErrRefused

// ErrUsage is what an error wraps where a location or platform is not well
// named.
var ErrUsage = oci.ErrUsage
