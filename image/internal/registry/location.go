package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/web"
)

// Location is an image in a registry.
type Location struct {
	text   string
	ref    name.Reference
	client func() *Client // not to be called before a transfer
}

// Parse returns the image that [docker://]REGISTRY/REPOSITORY[:TAG|@DIGEST]
// names.
func Parse(text string, client func() *Client) (*Location, error) {
	if text == "" {
		return nil, oci.WithKind(errors.New("the name of an image is empty"), oci.ErrUsage)
	}
	if scheme, _, ok := strings.Cut(text, "://"); ok && scheme != "docker" {
		return nil, hint.Add(oci.WithKind(fmt.Errorf("%q is not the name of an image", web.Redact(text)), oci.ErrUsage), "leave out "+scheme+"://")
	}
	ref, err := name.ParseReference(strings.TrimPrefix(text, "docker://"), name.WithDefaultRegistry("docker.io"))
	advice := "write REGISTRY/REPOSITORY:TAG, oci:DIR, oci-archive:FILE, docker-archive:FILE or docker-daemon:NAME"
	if strings.IndexAny(text, "./") == 0 { // the library would take the path for a repository
		err = errors.New("it is a path")
		advice = fmt.Sprintf("write oci:%s for a layout, docker-archive:%s or oci-archive:%s for an archive", text, text, text)
	}
	if err != nil {
		if shown := web.RedactName(text); shown != text { // the error quotes all of text
			err, text, advice = errors.New("it has a user or a password"), shown, "log in with docker login or podman login, and leave them out"
		}
		return nil, hint.Add(oci.WithKind(fmt.Errorf("%q is not the name of an image: %w", text, err), oci.ErrUsage), advice)
	}
	return &Location{text: text, ref: ref, client: client}, nil
}

func (r *Location) String() string { return r.text }

// Name returns the full name, with registry and tag.
func (r *Location) Name() string { return r.ref.Name() }

// IsDigest reports whether the image is named by digest. Only the image with
// that digest can be put there.
func (r *Location) IsDigest() bool {
	_, ok := r.ref.(name.Digest)
	return ok
}

// Pinned returns the name of the image with a digest in the repository.
func (r *Location) Pinned(digest oci.Digest) string {
	return r.ref.Context().Name() + "@" + string(digest)
}

// Digest returns the current digest of the name, or "" if it does not exist.
func (r *Location) Digest(ctx context.Context) (oci.Digest, error) {
	repo, err := r.repository(ctx, transport.PullScope)
	if err != nil {
		return "", err
	}
	there, err := repo.Has(ctx, r.ref.Identifier())
	if err != nil {
		return "", fmt.Errorf("%s: %w", r.text, err)
	}
	return there, nil
}

// Get returns the image at the location.
func (r *Location) Get(ctx context.Context) (*oci.Image, error) {
	repo, err := r.repository(ctx, transport.PullScope)
	if err != nil {
		return nil, err
	}
	d, raw, err := repo.Manifest(ctx, r.ref.Identifier())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.text, err)
	}
	if pinned, ok := r.ref.(name.Digest); ok && oci.Digest(pinned.DigestStr()) != d.Digest {
		return nil, fmt.Errorf("%s: the registry sent %s", r.text, d.Digest)
	}
	img := oci.NewImage(d, raw, repo)
	img.Name, img.Reference = r.text, r.ref.Name()
	return img, nil
}

// Put stores the image at the location.
func (r *Location) Put(ctx context.Context, img *oci.Image) error {
	source, _ := oci.Below(img.Blobs()).(*Repository)
	if source != nil && source.name.Name() != r.ref.Context().Name() && source.name.RegistryStr() == r.ref.Context().RegistryStr() {
		err := r.push(ctx, img, source, source.name)
		if !isRefused(err) || ctx.Err() != nil {
			return err
		}
		// Some token servers grant access to one repository only.
		r.client().Logger.Debug("push without mounts", "image", r.text, "error", err)
	}
	return r.push(ctx, img, source)
}

// push sends an image, with access to mount blobs from others.
func (r *Location) push(ctx context.Context, img *oci.Image, source *Repository, others ...name.Repository) error {
	repo, err := r.repository(ctx, transport.PushScope, others...)
	if err != nil {
		return err
	}
	there, err := repo.holds(ctx, r.ref.Identifier())
	if err != nil {
		return fmt.Errorf("%s: %w", r.text, err)
	}
	if there == img.Descriptor.Digest {
		return nil
	}
	p := &push{to: repo, img: img, source: source, mounts: len(others) > 0}
	if err := p.manifest(ctx, img.Descriptor, img.Raw(), r.ref.Identifier()); err != nil {
		return fmt.Errorf("push %s: %w", r.text, err)
	}
	return nil
}

// repository returns the client of the repository, with access to pull or push,
// and to pull from others.
func (r *Location) repository(ctx context.Context, action string, others ...name.Repository) (*Repository, error) {
	repo, err := r.client().Repository(ctx, r.ref.Context(), action, others...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.text, err)
	}
	return repo, nil
}
