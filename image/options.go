package image

import (
	"log/slog"
	"time"

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
func (opt Options) newReader() *reader {
	memory := opt.Memory
	if memory == nil {
		memory = &Memory{}
	}
	jobs := opt.Jobs
	if jobs <= 0 {
		jobs = 4
	}
	return &reader{
		layers: layer.Reader{Keep: opt.Reads, Max: opt.MaxLayerSize, Budget: layer.NewBudget()},
		cache:  opt.Cache, repo: opt.CacheRepo, memory: memory, log: opt.log(), jobs: jobs,
		whole: opt.Layer == LayerRewrite, least: smallLayer, contents: map[Digest]map[int32][]byte{},
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
