package image

import (
	"log/slog"
	"time"

	"github.com/certgraft/certgraft/image/internal/known"
	"github.com/certgraft/certgraft/image/internal/layer"
	"github.com/certgraft/certgraft/image/internal/registry"
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

func (opt Options) log() *slog.Logger {
	if opt.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return opt.Logger
}

// program returns the name by which layers of this program's own are known.
func (opt Options) program() string {
	if opt.Program == "" {
		return "certgraft"
	}
	return opt.Program
}

// newReader returns what reads layers.
func (opt Options) newReader() *known.Reader {
	memory := opt.Memory
	if memory == nil {
		memory = &Memory{}
	}
	jobs := opt.Jobs
	if jobs <= 0 {
		jobs = 4
	}
	return &known.Reader{
		Layers: layer.Reader{Keep: opt.Reads, Max: opt.MaxLayerSize, Budget: layer.NewBudget()},
		Cache:  opt.Cache, Repo: opt.CacheRepo, Memory: memory, Log: opt.log(), Jobs: jobs,
		Whole: opt.Layer == LayerRewrite, Least: smallLayer,
	}
}

// registries returns the destinations that are in registries and get layers while
// these are read. Where layers are rewritten, some are read that are not copied.
func (opt Options) registries() []*registry.Location {
	var all []*registry.Location
	for _, at := range opt.Destinations {
		if to, ok := at.(*registry.Location); ok && opt.Layer != LayerRewrite {
			all = append(all, to)
		}
	}
	return all
}

// smallLayer is the size up to which a layer is always read: leaving it out
// would save nothing.
const smallLayer = 1 << 20

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
