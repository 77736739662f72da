package image

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"

	"github.com/certgraft/certgraft/image/internal/known"
	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/image/internal/registry"
	"github.com/certgraft/certgraft/image/internal/store"
	"github.com/certgraft/certgraft/internal/hint"
)

// A Location is a place that keeps an image: a tag of a repository, a
// directory, a file or a name in an engine. [Locations.Parse] makes one; the
// zero value is invalid.
type Location struct{ place place }

// place gets and puts images.
type place interface {
	String() string
	Get(ctx context.Context) (*Image, error)
	Put(ctx context.Context, img *Image) error
}

// String returns the location as users write it.
func (at Location) String() string { return at.place.String() }

// Get returns the image at the location. Its layers are read later.
func (at Location) Get(ctx context.Context) (*Image, error) { return at.place.Get(ctx) }

// Put stores the image at the location, wherever the image comes from. Content
// that the location already has is not moved again. The name comes last, so no
// reader sees half an image.
func (at Location) Put(ctx context.Context, img *Image) error { return at.place.Put(ctx, img) }

// Replace is [Location.Put] for the new form of an image from the same
// location. It fails if the name stands for another image by now, see
// [Location.Unmoved]. Two processes may replace an image in a layout or an
// archive at once: one succeeds, and the other gets that error.
func (at Location) Replace(ctx context.Context, was, img *Image) error {
	still := func() error { return at.Unmoved(ctx, was) }
	if file, ok := at.place.(lockable); ok {
		return file.PutIf(ctx, img, still)
	}
	if err := still(); err != nil || at.IsRegistry() && was.Descriptor.Digest == img.Descriptor.Digest {
		return err
	}
	return at.Put(ctx, img)
}

// lockable is a place that one process at a time writes to.
type lockable interface {
	PutIf(ctx context.Context, img *Image, still func() error) error
}

// IsStream reports whether the location is standard input or output.
func (at Location) IsStream() bool {
	f, ok := at.place.(*store.Archive)
	return ok && f.Path == "-"
}

// Makes returns an error if the name alone shows that the location is not
// writable.
func (at Location) Makes() error {
	if archive, ok := at.place.(*store.Archive); ok {
		return archive.Makes()
	}
	return nil
}

// IsRegistry reports whether the location is in a registry.
func (at Location) IsRegistry() bool {
	_, ok := at.place.(*registry.Location)
	return ok
}

// IsDigest reports whether the location is in a registry and named by digest.
// Only the image with that digest can be put there.
func (at Location) IsDigest() bool {
	r, ok := at.place.(*registry.Location)
	return ok && r.IsDigest()
}

// Pinned returns the name of the image after Put: by digest in a registry, else
// the user's name.
func (at Location) Pinned(digest Digest) string {
	if r, ok := at.place.(*registry.Location); ok {
		return r.Pinned(digest)
	}
	return at.String()
}

// Place returns the location in one spelling: the keeper of images, and the
// name of the image there. The name is "" for a layout or an archive whose only
// image the user did not name.
func (at Location) Place() (where, name string) {
	switch place := at.place.(type) {
	case *registry.Location:
		return "docker", place.Name()
	case *store.Dir:
		return "oci:" + realPath(place.Path), place.Tag
	case *store.Archive:
		if place.Tag == "" {
			return "archive:" + realPath(place.Path), ""
		}
		return "archive:" + realPath(place.Path), store.FullName(place.Tag)
	case *store.Engine:
		return "docker-daemon", store.FullName(place.Name)
	}
	return at.String(), ""
}

// realPath follows the links in the path of a file that may not exist yet.
func realPath(name string) string {
	if dir, err := filepath.EvalSymlinks(filepath.Dir(name)); err == nil {
		name = filepath.Join(dir, filepath.Base(name))
	}
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	if abs, err := filepath.Abs(name); err == nil {
		name = abs
	}
	return name
}

// About lists the content of a registry that describes the image with that
// digest and stays attached to it: signatures, attestations and referrers.
// Other places have no such content.
func (at Location) About(ctx context.Context, digest Digest) []string {
	if r, ok := at.place.(*registry.Location); ok {
		return r.About(ctx, digest)
	}
	return nil
}

// Unmoved returns an error if the tag of the image stands for another image by
// now, in a registry, a layout or an archive. An engine is not asked.
func (at Location) Unmoved(ctx context.Context, img *Image) (err error) {
	var there Digest
	switch place := at.place.(type) {
	case *registry.Location:
		there, err = place.Digest(ctx)
	case *store.Dir:
		there, err = digestAt(ctx, place)
	case *store.Archive:
		if place.Holds(img) {
			return nil
		}
		there, err = digestAt(ctx, place)
	default:
		return nil
	}
	if err == nil && there != img.Descriptor.Digest {
		err = hint.Add(fmt.Errorf("%s was pushed anew meanwhile, and is %s now", at, there), "nothing was pushed: run it again")
	}
	return err
}

// Has reports whether the name already stands for the image with that digest, in
// a registry or a layout. Other places are not asked.
func (at Location) Has(ctx context.Context, digest Digest) bool {
	var there Digest
	var err error
	switch place := at.place.(type) {
	case *registry.Location:
		there, err = place.Digest(ctx)
	case *store.Dir:
		there, err = digestAt(ctx, place)
	}
	return err == nil && there == digest
}

func digestAt(ctx context.Context, from place) (Digest, error) {
	img, err := from.Get(ctx)
	if err != nil {
		return "", err
	}
	return img.Descriptor.Digest, nil
}

// Advice names engines that cannot read the image there, or returns "".
func (at Location) Advice(img *Image) string {
	archive, _ := at.place.(*store.Archive)
	_, dir := at.place.(*store.Dir)
	if !dir && (archive == nil || archive.Docker) || !oci.IsDocker(img.Descriptor.MediaType) {
		return ""
	}
	return "the image has Docker's media types, by which skopeo 1.9 of Debian 12 finds nothing in an OCI layout: for that write docker-archive:FILE, or to a registry"
}

// Locations makes locations. It is safe for concurrent use; the fields must not
// change after the first use.
type Locations struct {
	Stdin  io.Reader // of "-" in docker-archive:- and oci-archive:-
	Stdout io.Writer

	Insecure  []string       // registries for plain http, as HOST or HOST:PORT
	CAs       *x509.CertPool // trusted for registries; nil is [certs.ServerRoots]
	UserAgent string
	Transport http.RoundTripper // sends all requests; nil is a new transport
	Jobs      int               // blobs moved at a time; 0 is 4
	Logger    *slog.Logger      // nil is silent

	// Env returns variables of the process, as [os.Getenv]. Docker and Podman
	// find an engine and the accounts for registries by them. A nil Env has no
	// variables.
	Env func(name string) string

	// Progress is called during a transfer, with the bytes sent so far. nil
	// reports nothing. A transfer that starts again starts at 0. Several
	// goroutines may call Progress at once.
	Progress func(what string, done, total int64)

	made   sync.Once
	client registry.Client
}

// Parse returns the location that text names:
//
//	[docker://]REGISTRY/REPOSITORY[:TAG|@DIGEST]
//	oci:DIR[:TAG]
//	oci-archive:FILE[:TAG]
//	docker-archive:FILE[:REPOSITORY:TAG]
//	docker-daemon:REPOSITORY[:TAG]
//
// FILE is - for standard input and output.
func (l *Locations) Parse(text string) (Location, error) {
	place, err := l.parse(text)
	if err != nil {
		return Location{}, err
	}
	return Location{place}, nil
}

func (l *Locations) parse(text string) (place, error) {
	transport, rest, _ := strings.Cut(text, ":")
	if !HasTransport(text) || transport == "docker" {
		return registry.Parse(text, l.registries)
	}
	at, tag, _ := strings.Cut(rest, ":")
	if at == "" {
		return nil, oci.WithKind(fmt.Errorf("%s: a name is missing", text), ErrUsage)
	}
	switch transport {
	case "oci":
		return &store.Dir{Text: text, Path: at, Tag: tag}, nil
	case "oci-archive":
		return &store.Archive{Text: text, Path: at, Tag: tag, Stdin: l.Stdin, Stdout: l.Stdout}, nil
	case "docker-archive":
		return &store.Archive{Text: text, Path: at, Tag: tag, Docker: true, Stdin: l.Stdin, Stdout: l.Stdout}, nil
	}
	return &store.Engine{Text: text, Name: rest, Env: l.env}, nil
}

// Transports are the prefixes of locations. A location without one is a
// reference to a registry.
var transports = []string{"docker://", "oci:", "oci-archive:", "docker-archive:", "docker-daemon:"}

// HasTransport reports whether text is certainly a location: it starts with the
// name of a transport.
func HasTransport(text string) bool {
	for _, t := range transports {
		if strings.HasPrefix(text, t) {
			return true
		}
	}
	return false
}

// registries returns the client of registries, which it makes on the first
// call.
func (l *Locations) registries() *registry.Client {
	l.made.Do(func() {
		c := &l.client
		c.Insecure, c.CAs, c.UserAgent, c.Transport, c.Progress, c.Env = l.Insecure, l.CAs, l.UserAgent, l.Transport, l.Progress, l.Env
		c.Jobs, c.Logger = cmp.Or(l.Jobs, 4), cmp.Or(l.Logger, slog.New(slog.DiscardHandler))
	})
	return &l.client
}

func (l *Locations) env(name string) string {
	if l.Env == nil {
		return ""
	}
	return l.Env(name)
}

// CacheRepo returns the cache in the repository that text names, as
// REGISTRY/REPOSITORY. It calls warn when the repository fails, once for
// reading and once for writing. The cache then ignores the repository. Several
// goroutines may call warn at once.
func (l *Locations) CacheRepo(text string, readOnly bool, warn func(message string)) (*CacheRepo, error) {
	return known.OpenRepo(l.registries(), text, readOnly, warn)
}

// Compress returns the image with its plain layers compressed, as an engine
// compresses them before a push: docker save writes plain layers. An index
// stays as it is. Each layer is compressed twice, once for its digest and once
// when it is read. So neither memory nor disk holds it. layers maps each plain
// layer to its compressed descriptor.
func Compress(ctx context.Context, img *Image, jobs int) (packed *Image, layers map[Digest]Descriptor, err error) {
	return store.Compress(ctx, img, jobs)
}
