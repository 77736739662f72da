package image

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/certgraft/certgraft/image/internal/known"
	"github.com/certgraft/certgraft/image/internal/layer"
	"github.com/certgraft/certgraft/image/internal/registry"
	"github.com/certgraft/certgraft/rootfs"
)

// Options say how images are updated. The zero value updates every platform and
// reads every layer.
type Options struct {
	Platforms          []Platform // platforms to update; nil is all
	KeepOtherPlatforms bool       // keep the other platforms unchanged; false drops them
	KeepAttestations   bool       // keep attestations of changed images, although they describe the unpatched image

	Reads        func(name string) bool // files that an edit is likely to read; each other file costs a second pass over its layer
	Scan         Scan                   // which layers are read
	MaxLayerSize int64                  // limit of an unpacked layer; 0 is [layer.DefaultMaxLayerSize]
	Cache        *Cache                 // listings of layers in a directory, or nil
	CacheRepo    *CacheRepo             // listings of layers in a registry, or nil
	Layer        LayerMode              // where changes go
	Memory       *Memory                // listings of layers in this program; nil is an empty one
	Destinations []Location             // places for the result: registries among them get the layers while these are read
	Jobs         int                    // layers read at a time; 0 is 4

	ModTime     time.Time         // of the added files; zero is the time of the image
	Program     string            // named by the new layer's history
	Sources     []string          // named there too
	Labels      map[string]string // added to the configs
	Annotations map[string]string // added to the manifests and the index
	Logger      *slog.Logger      // nil is silent
}

// Config is what an edit knows of an image besides the root. The edit may
// change it.
type Config struct {
	Platform Platform
	Created  time.Time // of the image, or zero if unknown
	Env      []string  // as NAME=VALUE; the update writes the edit's changes
	Programs []string  // absolute paths in the entrypoint and the command
	Again    bool      // the edit ran on this image before, with fewer layers read: discard that result
	Sources  []string  // sources with a certificate in the image after the edit, to which the history is cut; nil is all of [Options] and of the history
	Removed  []string  // sources that were taken out, for the history of a removal

	Distrusted []string // distrusted CAs, for the history
}

// An Edit changes the root of one image, and the environment in its config.
// Calls follow each other. An edit that touches the place of a skipped layer is
// called again for the same image, with that layer.
type Edit func(root *rootfs.Overlay, config *Config) error

// smallLayer is the size up to which a layer is always read: skipping it would
// save nothing.
const smallLayer = 1 << 20

func (opt Options) log() *slog.Logger {
	return cmp.Or(opt.Logger, slog.New(slog.DiscardHandler))
}

// program returns the name by which certgraft knows its own layers.
func (opt Options) program() string {
	return cmp.Or(opt.Program, "certgraft")
}

// newReader returns the reader of the layers.
func (opt Options) newReader() *known.Reader {
	return &known.Reader{
		Layers: layer.Reader{Keep: opt.Reads, Max: opt.MaxLayerSize, Budget: layer.NewBudget(2*layer.MaxAllKept, 2*layer.MaxHeaders)},
		Cache:  opt.Cache, Repo: opt.CacheRepo, Memory: cmp.Or(opt.Memory, &Memory{}), Log: opt.log(), Jobs: cmp.Or(opt.Jobs, 4),
		Whole: opt.Layer == LayerRewrite, Least: smallLayer,
	}
}

// registries returns the registries that get layers while these are read. With
// [LayerRewrite] there are none: the read layers differ from the written ones.
func (opt Options) registries() []*registry.Location {
	var all []*registry.Location
	for _, at := range opt.Destinations {
		if to, ok := at.place.(*registry.Location); ok && opt.Layer != LayerRewrite {
			all = append(all, to)
		}
	}
	return all
}

// Scan says which layers are read.
type Scan int

const (
	// ScanAll reads every layer.
	ScanAll Scan = iota
	// ScanAuto skips a layer if the image's history says that the layer only
	// copies to a place without trust stores.
	ScanAuto
)

// LayerMode says which layers get the changes of an edit.
type LayerMode int

const (
	// LayerAppend puts the changes into a new layer on top.
	LayerAppend LayerMode = iota
	// LayerRewrite puts the changes into the layers that hold the changed
	// files, without adding a layer.
	LayerRewrite
)
