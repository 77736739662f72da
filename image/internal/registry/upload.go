package registry

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/web"
)

// mount asks the registry to mount the blob from another of its repositories.
// It returns nil on success, else the address to send the blob to.
func (r *Repository) mount(ctx context.Context, d oci.Descriptor, from name.Repository) (*url.URL, error) {
	at := r.url("blobs", "uploads/")
	at.RawQuery = url.Values{"mount": {string(d.Digest)}, "from": {from.RepositoryStr()}}.Encode()
	resp, err := r.ask(web.Once(ctx), question{method: http.MethodPost, at: at}, http.StatusCreated, http.StatusAccepted)
	if err != nil {
		return r.start(ctx) // some registries fail instead of asking for the blob
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusCreated {
		return nil, nil
	}
	if at, err := uploadPlace(resp); err == nil {
		return at, nil
	}
	return r.start(ctx)
}

// start asks for the address to send a blob to.
func (r *Repository) start(ctx context.Context) (*url.URL, error) {
	resp, err := r.ask(ctx, question{method: http.MethodPost, at: r.url("blobs", "uploads/")}, http.StatusAccepted)
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

// uploadBody sends a blob to the address from the registry.
func (r *Repository) uploadBody(ctx context.Context, d oci.Descriptor, at *url.URL, body io.Reader) error {
	query := at.Query()
	query.Set("digest", string(d.Digest))
	at.RawQuery = query.Encode()
	q := question{method: http.MethodPut, at: at, key: "Content-Type", header: "application/octet-stream", size: d.Size}
	if d.Size > 0 {
		q.body = &meter{r: body, d: d, to: r}
	}
	resp, err := r.ask(ctx, q, http.StatusCreated)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// meter reports the progress of reading.
type meter struct {
	r    io.Reader
	d    oci.Descriptor
	done int64
	to   *Repository
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.done += int64(n)
	m.to.moved("send", "to", m.d, m.done)
	return n, err
}
