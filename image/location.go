package image

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
)

// A Location is a place that keeps an image.
type Location interface {
	// String returns the location as users write it.
	String() string
	// Get returns the image that is there. Its layers are read later.
	Get(ctx context.Context) (*Image, error)
	// Put has the location keep the image, from wherever that is. What is
	// there already is not moved again, and the name of the image is given
	// last: nobody sees half of it.
	Put(ctx context.Context, img *Image) error
}

// Locations knows how to reach images. It is safe for concurrent use; what is
// set must not change once it is used.
type Locations struct {
	Stdin  io.Reader // of "-" in docker-archive:- and oci-archive:-
	Stdout io.Writer

	Insecure   []string       // hosts, with ports where there are, of registries that may be spoken to in plain http
	CAs        *x509.CertPool // that vouch for registries; nil is [certs.ServerRoots]
	UserAgent  string
	DockerHost string            // of the engine, as in DOCKER_HOST; "" is the usual sockets
	Transport  http.RoundTripper // below all else; nil is one of its own
	Jobs       int               // blobs that are moved at a time; 0 is 4
	Logger     *slog.Logger      // nil is silent
	RuntimeDir string            // XDG_RUNTIME_DIR, where a user's engine has its socket

	// Progress is told how much of a transfer is done; nil is nobody. It may be
	// called from several goroutines.
	Progress func(what string, done, total int64)

	mu      sync.Mutex
	base    http.RoundTripper
	clients map[string]*http.Client
	turns   map[string]turn                            // of blobs on their way into repositories
	wait    func(context.Context, time.Duration) error // between tries; nil sleeps
	stall   time.Duration                              // that a body may send nothing; 0 is a minute
}

// Transports are the prefixes of locations. Without one it is a reference to a
// registry.
var transports = []string{"docker://", "oci:", "oci-archive:", "docker-archive:", "docker-daemon:"}

// HasTransport reports whether text is a location for sure: it starts with the
// name of a transport.
func HasTransport(text string) bool {
	for _, t := range transports {
		if strings.HasPrefix(text, t) {
			return true
		}
	}
	return false
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
	transport, rest, ok := strings.Cut(text, ":")
	if !ok || !HasTransport(text) {
		return l.parseRegistry(text)
	}
	if transport == "docker" {
		return l.parseRegistry(text)
	}
	at, tag, _ := strings.Cut(rest, ":")
	if at == "" {
		return nil, marked{fmt.Errorf("%s: a name is missing", text), ErrUsage}
	}
	switch transport {
	case "oci":
		return &layoutDir{text: text, dir: at, tag: tag}, nil
	case "oci-archive":
		return &archiveFile{text: text, file: at, tag: tag, streams: l}, nil
	case "docker-archive":
		return &archiveFile{text: text, file: at, tag: tag, docker: true, streams: l}, nil
	}
	return &engine{text: text, name: rest, locations: l}, nil
}

func (l *Locations) parseRegistry(text string) (Location, error) {
	if text == "" {
		return nil, marked{errors.New("the name of an image is empty"), ErrUsage}
	}
	if scheme, _, ok := strings.Cut(text, "://"); ok && scheme != "docker" {
		return nil, hinted{marked{fmt.Errorf("%q is not the name of an image", redact(text)), ErrUsage}, "leave out " + scheme + "://"}
	}
	ref, err := name.ParseReference(strings.TrimPrefix(text, "docker://"), name.WithDefaultRegistry("docker.io"))
	if strings.IndexAny(text, "./") == 0 { // the library takes the file for a repository
		err = errors.New("it is a path")
	}
	if err != nil {
		hint := "write REGISTRY/REPOSITORY:TAG, oci:DIR, oci-archive:FILE, docker-archive:FILE or docker-daemon:NAME"
		return nil, hinted{marked{fmt.Errorf("%q is not the name of an image: %w", text, err), ErrUsage}, hint}
	}
	return &registryImage{text: text, ref: ref, locations: l}, nil
}

func (l *Locations) log() *slog.Logger {
	if l.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l.Logger
}

func (l *Locations) jobs() int {
	if l.Jobs <= 0 {
		return 4
	}
	return l.Jobs
}

// IsStream reports whether the location is standard input or output.
func IsStream(at Location) bool {
	f, ok := at.(*archiveFile)
	return ok && f.file == "-"
}

// IsRegistry reports whether the location is in a registry.
func IsRegistry(at Location) bool {
	_, ok := at.(*registryImage)
	return ok
}

// IsDigest reports whether the location is in a registry, and named by digest:
// nothing else can be put there.
func IsDigest(at Location) bool {
	r, ok := at.(*registryImage)
	if !ok {
		return false
	}
	_, ok = r.ref.(name.Digest)
	return ok
}

// Pinned returns how the image is named once it was put there: by its digest
// where the location is a registry, else as the user did.
func Pinned(at Location, digest Digest) string {
	if r, ok := at.(*registryImage); ok {
		return r.ref.Context().Name() + "@" + string(digest)
	}
	return at.String()
}
