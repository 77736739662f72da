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

// Options say how images are updated. The zero value updates every platform
// and reads every layer.
type Options struct {
	Platforms          []Platform // to update; nil is all
	KeepOtherPlatforms bool       // keep those that are not updated, as they are; else they are dropped
	KeepAttestations   bool       // keep attestations of images that changed, which then describe images that are not there

	Reads        func(name string) bool // files that an edit is likely to read; what else it reads costs a second pass over a layer
	Scan         Scan                   // which layers are read
	MaxLayerSize int64                  // to which a layer may unpack; 0 is [layer.DefaultMaxLayerSize]
	Cache        *Cache                 // what is known of layers; nil keeps nothing
	CacheRepo    *CacheRepo             // the same in a registry; nil is none
	Layer        LayerMode              // where changes go
	Memory       *Memory                // what is known of layers in this program; nil is nothing yet
	Destinations []Location             // where the result is to be put: registries there get the layers while these are read
	Jobs         int                    // layers that are read at a time; 0 is 4

	ModTime     time.Time         // of what is added; zero is the time of the image itself
	Program     string            // that the new layer's history names
	Sources     []string          // that it names besides
	Labels      map[string]string // to set in the configs
	Annotations map[string]string // to set in the manifests and the index
	Logger      *slog.Logger      // nil is silent
}

// Config is what an edit knows of an image beside its root, and may change.
type Config struct {
	Platform Platform
	Created  time.Time // of the image; zero if it does not say
	Env      []string  // as NAME=VALUE; what an edit changes here is written
	Programs []string  // absolute paths that the entrypoint and the command name
	Again    bool      // the edit ran on this image before, when less of it was read: what it came to then does not count
	Sources  []string  // that something in the image is from then, of which the history names those of the layer; nil is those of [Options], beside those named before
	Removed  []string  // that were taken out, which it names for a layer that does only that

	Distrusted []string // what is not to be trusted in the image then, which it names too
}

// An Edit changes the root of one image, and the environment in its config. It
// is called for one image at a time, and anew for the same image where it came
// upon the place of a layer that was not read.
type Edit func(root *rootfs.Overlay, config *Config) error

// smallLayer is the size up to which a layer is always read: leaving it out
// would save nothing.
const smallLayer = 1 << 20

func (opt Options) log() *slog.Logger {
	return cmp.Or(opt.Logger, slog.New(slog.DiscardHandler))
}

// program returns the name by which layers of this program's own are known.
func (opt Options) program() string {
	return cmp.Or(opt.Program, "certgraft")
}

// newReader returns what reads layers.
func (opt Options) newReader() *known.Reader {
	return &known.Reader{
		Layers: layer.Reader{Keep: opt.Reads, Max: opt.MaxLayerSize, Budget: layer.NewBudget(2*layer.MaxAllKept, 2*layer.MaxHeaders)},
		Cache:  opt.Cache, Repo: opt.CacheRepo, Memory: cmp.Or(opt.Memory, &Memory{}), Log: opt.log(), Jobs: cmp.Or(opt.Jobs, 4),
		Whole: opt.Layer == LayerRewrite, Least: smallLayer,
	}
}

// registries returns the destinations that are in registries and get layers while
// these are read. Where layers are rewritten, some are read that are not copied.
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
	// ScanAuto does not read a layer that only copies to a place where nothing
	// that matters can be, as the image's history says.
	ScanAuto
)

// LayerMode says which layer has what an edit changes.
type LayerMode int

const (
	// LayerAppend puts the changes on top, as a layer of their own.
	LayerAppend LayerMode = iota
	// LayerRewrite puts them into the layers that hold what is changed, so that
	// there are no more layers than there were.
	LayerRewrite
)
