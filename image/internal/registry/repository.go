package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// Repository reads and writes manifests and blobs, see "Endpoints" in the OCI
// distribution specification.
type Repository struct {
	name   name.Repository
	http   *http.Client // logged in
	client *Client
}

// Repository returns a repository with access for an action, and to pull from
// others.
func (c *Client) Repository(ctx context.Context, repo name.Repository, action string, others ...name.Repository) (*Repository, error) {
	scopes := []string{repo.Scope(action)}
	for _, o := range others {
		scopes = append(scopes, o.Scope(transport.PullScope))
	}
	client, err := c.login(ctx, repo, scopes...)
	if err != nil {
		return nil, err
	}
	return &Repository{name: repo, http: client, client: c}, nil
}

func (r *Repository) url(kind, reference string) *url.URL {
	return &url.URL{Scheme: "https", Host: r.name.RegistryStr(), Path: "/v2/" + r.name.RepositoryStr() + "/" + kind + "/" + reference}
}

// question is a request to a registry.
type question struct {
	method      string
	at          *url.URL
	key, header string // "" for no header
	body        io.Reader
	size        int64 // of a body that is a stream
}

// ask sends a request and returns the answer if its status is one of want.
func (r *Repository) ask(ctx context.Context, q question, want ...int) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, q.method, q.at.String(), q.body)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", q.at.Host, err)
	}
	if q.key != "" {
		req.Header.Set(q.key, q.header)
	}
	if q.size > 0 {
		req.ContentLength = q.size
	}
	resp, err := r.http.Do(req)
	if err != nil {
		return nil, registryError(r.name.RegistryStr(), err)
	}
	if err := transport.CheckError(resp, want...); err != nil {
		resp.Body.Close()
		return nil, registryError(r.name.RegistryStr(), r.unquoted(err))
	}
	return resp, nil
}

// unquoted removes the text of another server from an error: the registry
// redirects to it by a signed address, which the text may quote.
func (r *Repository) unquoted(err error) error {
	t, ok := errors.AsType[*transport.Error](err)
	if !ok || t.Request == nil || t.Request.URL.Host == r.name.RegistryStr() {
		return err
	}
	return &transport.Error{Errors: t.Errors, StatusCode: t.StatusCode, Request: t.Request}
}

// Manifest reads a manifest or index by tag or digest.
func (r *Repository) Manifest(ctx context.Context, reference string) (oci.Descriptor, []byte, error) {
	resp, err := r.ask(ctx, question{method: http.MethodGet, at: r.url("manifests", reference), key: "Accept", header: strings.Join(oci.ManifestTypes, ",")}, http.StatusOK)
	if err != nil {
		return oci.Descriptor{}, nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, oci.MaxDocument+1))
	switch {
	case err != nil:
		return oci.Descriptor{}, nil, registryError(r.name.RegistryStr(), fmt.Errorf("read the manifest: %w", err))
	case len(raw) > oci.MaxDocument:
		return oci.Descriptor{}, nil, errors.New("read the manifest: it exceeds 8 MiB")
	}
	d := oci.Descriptor{Digest: oci.DigestOf(raw), Size: int64(len(raw))}
	if said := resp.Header.Get("Docker-Content-Digest"); strings.HasPrefix(said, "sha256:") && said != string(d.Digest) {
		return oci.Descriptor{}, nil, fmt.Errorf("read the manifest: the registry says that it is %s, and it is %s", said, d.Digest)
	}
	d.MediaType, err = oci.MediaTypeOf(raw, strings.TrimSpace(strings.Split(resp.Header.Get("Content-Type"), ";")[0]))
	return d, raw, err
}

// Has returns the digest of the manifest with a name, or "" if none exists. A
// registry that does not answer HEAD gets a GET.
func (r *Repository) Has(ctx context.Context, reference string) (oci.Digest, error) {
	resp, err := r.head(ctx, question{at: r.url("manifests", reference), key: "Accept", header: strings.Join(oci.ManifestTypes, ",")})
	if err != nil {
		return "", err
	}
	resp.Body.Close()
	digest := oci.Digest(resp.Header.Get("Docker-Content-Digest"))
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return "", nil
	case resp.StatusCode == http.StatusOK && digest != "":
		return digest, nil
	}
	d, _, err := r.Manifest(ctx, reference)
	if IsNotFound(err) {
		return "", nil
	}
	return d.Digest, err
}

// holds is Has for callers who only save work by the answer. It ignores a
// refusal: some accounts may push but not pull.
func (r *Repository) holds(ctx context.Context, reference string) (oci.Digest, error) {
	digest, err := r.Has(ctx, reference)
	return digest, r.unanswered(err)
}

// hasBlob reports whether the repository has the blob. A refusal counts as no.
func (r *Repository) hasBlob(ctx context.Context, d oci.Descriptor) (bool, error) {
	resp, err := r.head(ctx, question{at: r.url("blobs", string(d.Digest))})
	if err != nil {
		return false, r.unanswered(err)
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK, nil
}

// unanswered drops an error that is an answer of the registry.
func (r *Repository) unanswered(err error) error {
	if _, answered := errors.AsType[*transport.Error](err); answered {
		r.client.Logger.Debug("go on without knowing what the repository holds", "repository", r.name.Name(), "error", err)
		return nil
	}
	return err
}

// head asks whether content exists. Some registries do not support it.
func (r *Repository) head(ctx context.Context, q question) (*http.Response, error) {
	q.method = http.MethodHead
	return r.ask(ctx, q, http.StatusOK, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusForbidden, http.StatusBadRequest)
}
