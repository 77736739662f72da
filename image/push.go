package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/sync/errgroup"
)

// Put implements [Location].
func (r *registryImage) Put(ctx context.Context, img *Image) error {
	source, _ := below(img.from).(*repository)
	var others []name.Repository
	if source != nil && source.name.Name() != r.ref.Context().Name() && source.name.RegistryStr() == r.ref.Context().RegistryStr() {
		others = append(others, source.name)
	}
	repo, err := r.repository(ctx, transport.PushScope, others...)
	if err != nil {
		return err
	}
	there, err := repo.has(ctx, r.ref.Identifier())
	if err != nil {
		return fmt.Errorf("%s: %w", r.text, err)
	}
	if there == img.Descriptor.Digest {
		return nil
	}
	p := &push{to: repo, img: img, source: source}
	if err := p.manifest(ctx, img.Descriptor, img.raw, r.ref.Identifier()); err != nil {
		return fmt.Errorf("push %s: %w", r.text, err)
	}
	return nil
}

// put sends an image.
func (r *repository) put(ctx context.Context, img *Image, reference string) error {
	p := &push{to: r, img: img}
	return p.manifest(ctx, img.Descriptor, img.raw, reference)
}

// push is one image on its way into a repository.
type push struct {
	to     *repository
	img    *Image
	source *repository // that it comes from, if it is from a registry
}

// sameRepo reports whether all that was not made here is there already.
func (p *push) sameRepo() bool {
	return p.source != nil && p.source.name.Name() == p.to.name.Name()
}

// manifest sends all that a manifest names, and then the manifest. A registry may
// miss for a moment what it was just sent, since another program sends the same:
// then all is looked for again.
func (p *push) manifest(ctx context.Context, d Descriptor, raw []byte, reference string) error {
	m, err := parseManifest(d.MediaType, raw)
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
		p.to.client.log().Debug("send a manifest again", "manifest", d.Digest, "error", err)
		if err := p.to.client.waiter()(ctx, time.Second<<(try-1)/4); err != nil {
			return err
		}
	}
}

// named sends all that a manifest names.
func (p *push) named(ctx context.Context, m *manifest) error {
	for _, child := range m.Manifests {
		if err := p.child(ctx, child); err != nil {
			return err
		}
	}
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(p.to.client.atATime())
	for _, blob := range blobsOf(m) {
		group.Go(func() error { return p.blob(inner, blob) })
	}
	return group.Wait()
}

// isMissing reports whether a registry refused a manifest since it does not have
// what that names.
func isMissing(err error) bool {
	t, answered := errors.AsType[*transport.Error](err)
	return answered && slices.ContainsFunc(t.Errors, func(d transport.Diagnostic) bool {
		return d.Code == transport.ManifestBlobUnknownErrorCode || d.Code == transport.BlobUnknownErrorCode
	})
}

// blobsOf returns what an image's manifest names and a registry must have, each
// once.
func blobsOf(m *manifest) []Descriptor {
	var all []Descriptor
	if m.Config != nil {
		all = append(all, *m.Config)
	}
	for _, l := range m.Layers {
		if !isForeign(l.MediaType) && !slices.ContainsFunc(all, func(d Descriptor) bool { return d.Digest == l.Digest }) {
			all = append(all, l)
		}
	}
	return all
}

func (p *push) child(ctx context.Context, d Descriptor) error {
	if p.sameRepo() && !isAdded(p.img.from, d.Digest) {
		return nil
	}
	there, err := p.to.has(ctx, string(d.Digest))
	if err != nil || there == d.Digest {
		return err
	}
	raw, err := read(ctx, p.img.from, d)
	if err != nil {
		return err
	}
	return p.manifest(ctx, d, raw, string(d.Digest))
}

// blob has the repository hold a blob: it is there, or in another repository
// of the registry, or it is sent.
func (p *push) blob(ctx context.Context, d Descriptor) error {
	own := isAdded(p.img.from, d.Digest)
	if p.sameRepo() && !own {
		return nil
	}
	turn := p.to.turn(d.Digest)
	if err := turn.take(ctx); err != nil {
		return err
	}
	defer turn.end()
	there, err := p.to.hasBlob(ctx, d)
	if err != nil || there {
		return err
	}
	var at *url.URL
	if p.source != nil && !own && p.source.name.RegistryStr() == p.to.name.RegistryStr() {
		if at, err = p.to.mount(ctx, d, p.source.name); err != nil || at == nil {
			return err
		}
	}
	for try := 1; ; try++ {
		if err = p.upload(ctx, d, at); err == nil || try == tries || ctx.Err() != nil || !worthwhile(err) {
			break
		}
		at = nil
		p.to.client.log().Debug("send a blob again", "blob", d.Digest, "error", err)
		if err = p.to.client.waiter()(ctx, time.Second<<(try-1)); err != nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("send %s: %w", d.Digest, err)
	}
	return nil
}

// turn is the right to send a blob into a repository. Two that send it at once
// need it twice, and make some registries lose sight of it for a moment.
type turn chan struct{}

// take waits until nothing else in this program sends the blob.
func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// try is take for who does not wait.
func (t turn) try() bool {
	select {
	case t <- struct{}{}:
		return true
	default:
		return false
	}
}

func (t turn) end() { <-t }

func (r *repository) turn(digest Digest) turn {
	c, blob := r.client, r.name.Name()+"@"+string(digest)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.turns == nil {
		c.turns = map[string]turn{}
	}
	if c.turns[blob] == nil {
		c.turns[blob] = make(turn, 1)
	}
	return c.turns[blob]
}

// worthwhile reports whether an upload that failed may succeed: what broke off
// may, and what the server found wrong on its side or in what arrived.
func worthwhile(err error) bool {
	t, answered := errors.AsType[*transport.Error](err)
	if answered {
		return t.Temporary() || t.StatusCode >= 500 || t.StatusCode == http.StatusRequestedRangeNotSatisfiable
	}
	return temporary(err)
}

// mount asks the registry to take the blob from another of its repositories. It
// returns nil if it did, else where to send the blob.
func (r *repository) mount(ctx context.Context, d Descriptor, from name.Repository) (*url.URL, error) {
	at := r.url("blobs", "uploads/")
	at.RawQuery = url.Values{"mount": {string(d.Digest)}, "from": {from.RepositoryStr()}}.Encode()
	req, err := r.request(ctx, http.MethodPost, at, nil)
	if err != nil {
		return nil, err
	}
	resp, err := r.send(req, http.StatusCreated, http.StatusAccepted)
	if err != nil {
		return r.start(ctx) // some refuse to mount rather than have it sent
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusCreated {
		return nil, nil
	}
	return uploadPlace(resp)
}

// start asks where a blob is to be sent.
func (r *repository) start(ctx context.Context) (*url.URL, error) {
	req, err := r.request(ctx, http.MethodPost, r.url("blobs", "uploads/"), nil)
	if err != nil {
		return nil, err
	}
	resp, err := r.send(req, http.StatusAccepted)
	if err != nil {
		return nil, err
	}
	resp.Body.Close()
	return uploadPlace(resp)
}

func uploadPlace(resp *http.Response) (*url.URL, error) {
	at, err := resp.Location()
	if err != nil {
		return nil, fmt.Errorf("the registry does not say where to send a blob: %w", err)
	}
	return at, nil
}

// upload sends a blob in one request.
func (p *push) upload(ctx context.Context, d Descriptor, at *url.URL) error {
	if at == nil {
		var err error
		if at, err = p.to.start(ctx); err != nil {
			return err
		}
	}
	body, err := p.img.openVerified(ctx, d)
	if err != nil {
		return err
	}
	defer body.Close()
	return p.to.uploadBody(ctx, d, at, body)
}

// uploadBody sends a blob to the place that the registry has named.
func (r *repository) uploadBody(ctx context.Context, d Descriptor, at *url.URL, body io.Reader) error {
	query := at.Query()
	query.Set("digest", string(d.Digest))
	at.RawQuery = query.Encode()
	req, err := r.request(ctx, http.MethodPut, at, io.NopCloser(&meter{r: body, d: d, to: r.client}))
	if err != nil {
		return err
	}
	if req.ContentLength = d.Size; d.Size == 0 {
		req.Body = http.NoBody
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := r.send(req, http.StatusCreated)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// meter reports how much was read.
type meter struct {
	r    io.Reader
	d    Descriptor
	done int64
	to   *registryClient
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.done += int64(n)
	m.to.moved("send", m.d, m.done)
	return n, err
}

func (r *repository) putManifest(ctx context.Context, d Descriptor, raw []byte, reference string) error {
	req, err := r.request(ctx, http.MethodPut, r.url("manifests", reference), bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", d.MediaType)
	resp, err := r.send(req, http.StatusCreated, http.StatusOK, http.StatusAccepted)
	if err != nil {
		return fmt.Errorf("send the manifest %s: %w", d.Digest, err)
	}
	return resp.Body.Close()
}
