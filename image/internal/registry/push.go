package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/sync/errgroup"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/web"
)

// Put sends an image.
func (r *Repository) Put(ctx context.Context, img *oci.Image, reference string) error {
	p := &push{to: r, img: img}
	return p.manifest(ctx, img.Descriptor, img.Raw(), reference)
}

// push is the upload of one image into a repository.
type push struct {
	to     *Repository
	img    *oci.Image
	source *Repository // of the image, if that is a registry
	mounts bool        // the registry may mount blobs from the source
}

// sameRepo reports whether the repository is the source: it then has all blobs
// that this program did not make.
func (p *push) sameRepo() bool {
	return p.source != nil && p.source.name.Name() == p.to.name.Name()
}

// manifest sends the content that a manifest names, and then the manifest. A
// registry may briefly miss content that another program sends at the same
// time. manifest then sends the missing content and tries again.
func (p *push) manifest(ctx context.Context, d oci.Descriptor, raw []byte, reference string) error {
	m, err := oci.ParseManifest(d.MediaType, raw)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		if err := p.named(ctx, m); err != nil {
			return err
		}
		err := p.to.putManifest(ctx, d, raw, reference)
		if err == nil || !isMissing(err) || try == tries {
			return err
		}
		p.to.client.Logger.Debug("send a manifest again", "manifest", d.Digest, "error", err)
		if err := p.to.client.pause(ctx, time.Second<<(try-1)/4); err != nil {
			return err
		}
	}
}

// named sends the content that a manifest names.
func (p *push) named(ctx context.Context, m *oci.Manifest) error {
	for _, child := range m.Manifests {
		if err := p.child(ctx, child); err != nil {
			return err
		}
	}
	blobs := oci.BlobsOf(m)
	p.announce(ctx, blobs)
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(p.to.client.Jobs)
	for _, blob := range blobs {
		group.Go(func() error { return p.blob(inner, blob) })
	}
	return group.Wait()
}

// announce reports the blobs to send before the first is sent, so that the
// progress knows the total. It skips this if the registry may mount blobs from
// another repository.
func (p *push) announce(ctx context.Context, blobs []oci.Descriptor) {
	if p.to.client.Progress == nil || p.mounts {
		return
	}
	var group errgroup.Group
	group.SetLimit(p.to.client.Jobs)
	for _, d := range blobs {
		if d.Size <= smallBlob || p.sameRepo() && !oci.IsAdded(p.img.Blobs(), d.Digest) {
			continue
		}
		group.Go(func() error {
			if there, err := p.to.hasBlob(ctx, d); err == nil && !there {
				p.to.moved("send", "to", d, 0)
			}
			return nil
		})
	}
	_ = group.Wait() // no call fails: the upload reports errors
}

// isMissing reports whether a registry refused a manifest because it lacks
// content that the manifest names.
func isMissing(err error) bool {
	t, answered := errors.AsType[*transport.Error](err)
	return answered && slices.ContainsFunc(t.Errors, func(d transport.Diagnostic) bool {
		return d.Code == transport.ManifestBlobUnknownErrorCode || d.Code == transport.BlobUnknownErrorCode
	})
}

func (p *push) child(ctx context.Context, d oci.Descriptor) error {
	if p.sameRepo() && !oci.IsAdded(p.img.Blobs(), d.Digest) {
		return nil
	}
	there, err := p.to.holds(ctx, string(d.Digest))
	if err != nil || there == d.Digest {
		return err
	}
	raw, err := oci.Read(ctx, p.img.Blobs(), d)
	if err != nil {
		return err
	}
	return p.manifest(ctx, d, raw, string(d.Digest))
}

func (r *Repository) putManifest(ctx context.Context, d oci.Descriptor, raw []byte, reference string) error {
	q := question{method: http.MethodPut, at: r.url("manifests", reference), key: "Content-Type", header: d.MediaType, body: bytes.NewReader(raw)}
	resp, err := r.ask(ctx, q, http.StatusCreated, http.StatusOK, http.StatusAccepted)
	if err != nil {
		return fmt.Errorf("send the manifest %s: %w", d.Digest, err)
	}
	return resp.Body.Close()
}

// blob ensures that the repository has a blob: it is already there, or is
// mounted from another repository of the registry, or is sent.
func (p *push) blob(ctx context.Context, d oci.Descriptor) error {
	own := oci.IsAdded(p.img.Blobs(), d.Digest)
	if p.sameRepo() && !own {
		return nil
	}
	lock := p.to.uploadLock(d.Digest)
	if err := lock.take(ctx); err != nil {
		return err
	}
	defer lock.end()
	there, err := p.to.hasBlob(ctx, d)
	if err != nil || there {
		return err
	}
	var at *url.URL
	if p.mounts && !own {
		if at, err = p.to.mount(ctx, d, p.source.name); err != nil || at == nil {
			return err
		}
	}
	for try := 1; ; try++ {
		if err = p.upload(ctx, d, at); err == nil || try == tries || ctx.Err() != nil || !worthwhile(err) {
			break
		}
		at = nil
		p.to.client.Logger.Debug("send a blob again", "blob", d.Digest, "error", err)
		if err = p.to.client.pause(ctx, time.Second<<(try-1)); err != nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("send %s: %w", d.Digest, err)
	}
	return nil
}

// upload sends a blob in one request.
func (p *push) upload(ctx context.Context, d oci.Descriptor, at *url.URL) error {
	if at == nil {
		var err error
		if at, err = p.to.start(ctx); err != nil {
			return err
		}
	}
	body, err := oci.OpenVerified(ctx, p.img.Blobs(), d)
	if err != nil {
		return err
	}
	defer body.Close()
	return p.to.uploadBody(ctx, d, at, body)
}

// worthwhile reports whether to send a blob again: after a broken connection,
// and after an error of the server or of the received bytes.
func worthwhile(err error) bool {
	t, answered := errors.AsType[*transport.Error](err)
	if answered {
		return t.Temporary() || t.StatusCode >= 500 || t.StatusCode == http.StatusRequestedRangeNotSatisfiable
	}
	return web.Temporary(err)
}

func (r *Repository) uploadLock(digest oci.Digest) uploadLock {
	c, blob := r.client, r.name.Name()+"@"+string(digest)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.locks == nil {
		c.locks = map[string]uploadLock{}
	}
	if c.locks[blob] == nil {
		c.locks[blob] = make(uploadLock, 1)
	}
	return c.locks[blob]
}
