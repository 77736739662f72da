package known

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/certgraft/certgraft/image/internal/layer"
	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/image/internal/registry"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/web"
)

// CacheRepo keeps listings of layers in a repository of a registry, for runners
// that start with an empty disk. Each listing is an OCI artifact, under a tag
// made of the layer's digest. Readers believe the listings, so write access
// decides their truth. A listing that is damaged, of another version or about
// another layer counts as missing. A repository that fails is ignored from then
// on. A nil CacheRepo keeps nothing.
type CacheRepo struct {
	name     name.Repository
	client   *registry.Client
	readOnly bool
	warn     func(message string)

	opening           sync.Mutex
	mu                sync.Mutex
	noRead, noWriting bool // it failed once: do not ask again
}

// OpenRepo returns the cache in the repository that text names, as
// REGISTRY/REPOSITORY. It calls warn when the repository fails, once for
// reading and once for writing. The cache then ignores the repository.
func OpenRepo(client *registry.Client, text string, readOnly bool, warn func(message string)) (*CacheRepo, error) {
	repo, err := name.NewRepository(strings.TrimPrefix(text, "docker://"), name.WithDefaultRegistry("docker.io"))
	if err != nil {
		if shown := web.RedactName(text); shown != text { // the error quotes all of text
			err, text = errors.New("it has a user or a password: log in with docker login or podman login"), shown
		}
		return nil, hint.Add(oci.WithKind(fmt.Errorf("%q is not the name of a repository: %w", text, err), oci.ErrUsage), "write REGISTRY/REPOSITORY, without a tag")
	}
	return &CacheRepo{name: repo, client: client, readOnly: readOnly, warn: warn}, nil
}

// load returns the listing of a layer, or nil.
func (c *CacheRepo) load(ctx context.Context, digest oci.Digest) *layer.Listing {
	if c == nil || c.without(&c.noRead) {
		return nil
	}
	l, err := c.get(ctx, digest)
	switch {
	case err == nil:
		return l
	case registry.IsNotFound(err), ctx.Err() != nil:
	case errors.Is(err, oci.ErrUnreachable):
		c.fail(&c.noRead, err)
	default:
		c.client.Logger.Warn("ignore what the cache in the registry has", "layer", digest, "error", err)
	}
	return nil
}

// has reports whether the repository probably has the listing of a layer.
func (c *CacheRepo) has(ctx context.Context, digest oci.Digest) bool {
	if c == nil || c.without(&c.noRead) {
		return false
	}
	repo, err := c.open(ctx, transport.PullScope, &c.noRead)
	if err != nil {
		return false
	}
	there, err := repo.Has(ctx, tagOf(digest))
	if errors.Is(err, oci.ErrUnreachable) && ctx.Err() == nil {
		c.fail(&c.noRead, err)
	}
	return err == nil && there != ""
}

// store keeps the listing of a layer.
func (c *CacheRepo) store(ctx context.Context, digest oci.Digest, l *layer.Listing) {
	if c == nil || c.readOnly || c.without(&c.noWriting) {
		return
	}
	if err := c.put(ctx, digest, l); err != nil && ctx.Err() == nil {
		c.fail(&c.noWriting, err)
	}
}

func (c *CacheRepo) get(ctx context.Context, digest oci.Digest) (*layer.Listing, error) {
	repo, err := c.open(ctx, transport.PullScope, &c.noRead)
	if err != nil {
		return nil, err
	}
	d, raw, err := repo.Manifest(ctx, tagOf(digest))
	if err != nil {
		return nil, err
	}
	m, err := oci.ParseManifest(d.MediaType, raw)
	switch {
	case err != nil:
		return nil, err
	case m.ArtifactType != artifactType, len(m.Layers) != 1, m.Annotations[layerAnnotation] != string(digest), m.Layers[0].MediaType != listingType:
		return nil, errForeign
	case m.Layers[0].Size > maxListing:
		return nil, fmt.Errorf("%d bytes are too many", m.Layers[0].Size)
	}
	body, err := oci.OpenVerified(ctx, repo, m.Layers[0])
	if err != nil {
		return nil, err
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	return layer.Open(data)
}

func (c *CacheRepo) put(ctx context.Context, digest oci.Digest, l *layer.Listing) error {
	if len(l.Packed) > maxListing {
		return nil
	}
	img, err := artifactOf(digest, l.Packed)
	if err != nil {
		return err
	}
	repo, err := c.open(ctx, transport.PushScope, &c.noWriting)
	if err != nil {
		return err
	}
	return repo.Put(ctx, img, tagOf(digest))
}

// artifactOf returns the artifact that holds the listing of a layer.
func artifactOf(digest oci.Digest, listing []byte) (*oci.Image, error) {
	config := oci.Describe(emptyType, []byte("{}"))
	m := oci.Manifest{
		SchemaVersion: 2, MediaType: oci.ManifestType, ArtifactType: artifactType, Config: &config,
		Layers: []oci.Descriptor{oci.Describe(listingType, listing)}, Annotations: map[string]string{layerAnnotation: string(digest)},
	}
	return oci.NewDocument(m, oci.Added{Made: map[oci.Digest]oci.Opener{config.Digest: oci.Bytes([]byte("{}")), m.Layers[0].Digest: oci.Bytes(listing)}})
}

// Media types and annotation of the artifacts, see "Guidelines for Artifact
// Usage" in the OCI image specification.
const (
	artifactType    = "application/vnd.certgraft.layer"
	listingType     = "application/vnd.certgraft.layer.v2+zstd"
	emptyType       = "application/vnd.oci.empty.v1+json"
	layerAnnotation = "io.github.certgraft.layer"
)

// maxListing bounds a listing, in bytes.
const maxListing = 128 << 20

var errForeign = errors.New("it holds no facts of this layer")

// tagOf returns the tag of a layer's listing. A tag has at most 128 characters,
// too few for a SHA-512.
func tagOf(digest oci.Digest) string {
	if len(digest) > 100 {
		digest = oci.DigestOf([]byte(digest))
	}
	return cacheVersion + "-" + cacheName(digest)
}

// open returns the repository's client. Concurrent calls wait for the first: a
// failure may take long and is found once.
func (c *CacheRepo) open(ctx context.Context, action string, failed *bool) (repo *registry.Repository, err error) {
	c.opening.Lock()
	if err = oci.ErrUnreachable; !c.without(failed) {
		if repo, err = c.client.Repository(ctx, c.name, action); err != nil && ctx.Err() == nil {
			c.fail(failed, err)
		}
	}
	c.opening.Unlock()
	return repo, err
}

// without reports whether the repository failed before.
func (c *CacheRepo) without(failed *bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return *failed
}

func (c *CacheRepo) fail(failed *bool, err error) {
	c.mu.Lock()
	before := *failed
	*failed = true
	c.mu.Unlock()
	if before || c.warn == nil {
		return
	}
	what := "nothing is read from the cache "
	if failed == &c.noWriting {
		what = "nothing is kept in the cache "
	}
	c.warn(what + c.name.Name() + ": " + err.Error())
}
