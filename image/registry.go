package image

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// registryImage is an image in a registry.
type registryImage struct {
	text   string
	ref    name.Reference
	client func() *registryClient // which may not be used before there is something to get or put
}

// parseRegistryImage returns the image that [docker://]REGISTRY/REPOSITORY[:TAG|@DIGEST]
// names.
func parseRegistryImage(text string, client func() *registryClient) (*registryImage, error) {
	if text == "" {
		return nil, withKind(errors.New("the name of an image is empty"), ErrUsage)
	}
	if scheme, _, ok := strings.Cut(text, "://"); ok && scheme != "docker" {
		return nil, withHint(withKind(fmt.Errorf("%q is not the name of an image", redact(text)), ErrUsage), "leave out "+scheme+"://")
	}
	ref, err := name.ParseReference(strings.TrimPrefix(text, "docker://"), name.WithDefaultRegistry("docker.io"))
	if strings.IndexAny(text, "./") == 0 { // the library takes the file for a repository
		err = errors.New("it is a path")
	}
	if err != nil {
		hint := "write REGISTRY/REPOSITORY:TAG, oci:DIR, oci-archive:FILE, docker-archive:FILE or docker-daemon:NAME"
		return nil, withHint(withKind(fmt.Errorf("%q is not the name of an image: %w", text, err), ErrUsage), hint)
	}
	return &registryImage{text: text, ref: ref, client: client}, nil
}

func (r *registryImage) String() string { return r.text }

// isDigest reports whether the image is named by digest: nothing else can be put
// there.
func (r *registryImage) isDigest() bool {
	_, ok := r.ref.(name.Digest)
	return ok
}

// pinned returns the name by which the registry has a digest.
func (r *registryImage) pinned(digest Digest) string {
	return r.ref.Context().Name() + "@" + string(digest)
}

// digest returns the digest that the name stands for now, or "".
func (r *registryImage) digest(ctx context.Context) (Digest, error) {
	repo, err := r.repository(ctx, transport.PullScope)
	if err != nil {
		return "", err
	}
	there, err := repo.has(ctx, r.ref.Identifier())
	if err != nil {
		return "", fmt.Errorf("%s: %w", r.text, err)
	}
	return there, nil
}

// Get implements [Location].
func (r *registryImage) Get(ctx context.Context) (*Image, error) {
	repo, err := r.repository(ctx, transport.PullScope)
	if err != nil {
		return nil, err
	}
	d, raw, err := repo.manifest(ctx, r.ref.Identifier())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.text, err)
	}
	if pinned, ok := r.ref.(name.Digest); ok && Digest(pinned.DigestStr()) != d.Digest {
		return nil, fmt.Errorf("%s: the registry sent %s", r.text, d.Digest)
	}
	img := newImage(d, raw, repo)
	img.Name, img.Reference = r.text, r.ref.Name()
	return img, nil
}

// repository returns the client of the repository, with leave to pull or to
// push, and to pull from others.
func (r *registryImage) repository(ctx context.Context, action string, others ...name.Repository) (*repository, error) {
	repo, err := r.client().repository(ctx, r.ref.Context(), action, others...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.text, err)
	}
	return repo, nil
}

func (c *registryClient) repository(ctx context.Context, repo name.Repository, action string, others ...name.Repository) (*repository, error) {
	scopes := []string{repo.Scope(action)}
	for _, o := range others {
		scopes = append(scopes, o.Scope(transport.PullScope))
	}
	client, err := c.login(ctx, repo, scopes...)
	if err != nil {
		return nil, err
	}
	return &repository{name: repo, http: client, client: c}, nil
}

// repository reads and writes manifests and blobs, see "Endpoints" in the OCI
// distribution specification.
type repository struct {
	name   name.Repository
	http   *http.Client // logged in
	client *registryClient
}

func (r *repository) url(kind, reference string) *url.URL {
	return &url.URL{Scheme: "https", Host: r.name.RegistryStr(), Path: "/v2/" + r.name.RepositoryStr() + "/" + kind + "/" + reference}
}

// send sends a request and returns the answer if its status is one of want.
func (r *repository) send(req *http.Request, want ...int) (*http.Response, error) {
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

// unquoted leaves out of an error what another server says to which the registry
// leads: it may quote the address that was signed.
func (r *repository) unquoted(err error) error {
	t, ok := errors.AsType[*transport.Error](err)
	if !ok || t.Request == nil || t.Request.URL.Host == r.name.RegistryStr() {
		return err
	}
	return &transport.Error{Errors: t.Errors, StatusCode: t.StatusCode, Request: t.Request}
}

func (r *repository) request(ctx context.Context, method string, at *url.URL, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, at.String(), body)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", at.Host, err)
	}
	return req, nil
}

// manifest reads a manifest or index by tag or digest.
func (r *repository) manifest(ctx context.Context, reference string) (Descriptor, []byte, error) {
	req, err := r.request(ctx, http.MethodGet, r.url("manifests", reference), nil)
	if err != nil {
		return Descriptor{}, nil, err
	}
	req.Header.Set("Accept", strings.Join(manifestTypes, ","))
	resp, err := r.send(req, http.StatusOK)
	if err != nil {
		return Descriptor{}, nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	switch {
	case err != nil:
		return Descriptor{}, nil, registryError(r.name.RegistryStr(), fmt.Errorf("read the manifest: %w", err))
	case len(raw) > maxDocument:
		return Descriptor{}, nil, errors.New("read the manifest: it is larger than any is")
	}
	d := Descriptor{Digest: digestOf(raw), Size: int64(len(raw))}
	if said := resp.Header.Get("Docker-Content-Digest"); strings.HasPrefix(said, "sha256:") && said != string(d.Digest) {
		return Descriptor{}, nil, fmt.Errorf("read the manifest: the registry says that it is %s, and it is %s", said, d.Digest)
	}
	d.MediaType, err = mediaTypeOf(raw, strings.TrimSpace(strings.Split(resp.Header.Get("Content-Type"), ";")[0]))
	return d, raw, err
}

// has returns the digest of the manifest that a name stands for, or "" if it is
// not there. Registries that do not answer HEAD are asked as for reading.
func (r *repository) has(ctx context.Context, reference string) (Digest, error) {
	req, err := r.request(ctx, http.MethodHead, r.url("manifests", reference), nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Accept", strings.Join(manifestTypes, ","))
	resp, err := r.send(req, http.StatusOK, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusForbidden, http.StatusBadRequest)
	if err != nil {
		return "", err
	}
	resp.Body.Close()
	digest := Digest(resp.Header.Get("Docker-Content-Digest"))
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return "", nil
	case resp.StatusCode == http.StatusOK && digest != "":
		return digest, nil
	}
	d, _, err := r.manifest(ctx, reference)
	if isNotFound(err) {
		return "", nil
	}
	return d.Digest, err
}

// hasBlob reports whether the repository has the blob.
func (r *repository) hasBlob(ctx context.Context, d Descriptor) (bool, error) {
	req, err := r.request(ctx, http.MethodHead, r.url("blobs", string(d.Digest)), nil)
	if err != nil {
		return false, err
	}
	resp, err := r.send(req, http.StatusOK, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusForbidden, http.StatusBadRequest)
	if err != nil {
		return false, err
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK, nil
}

// open implements blobs.
func (r *repository) open(ctx context.Context, d Descriptor) (io.ReadCloser, error) {
	if isManifest(d.MediaType) || isIndex(d.MediaType) {
		_, raw, err := r.manifest(ctx, string(d.Digest))
		if err != nil {
			return nil, err
		}
		return io.NopCloser(bytes.NewReader(raw)), nil
	}
	if _, err := d.Digest.newHash(); err != nil {
		return nil, err
	}
	return newDownload(ctx, r, d)
}

func isNotFound(err error) bool {
	t, ok := errors.AsType[*transport.Error](err)
	return ok && t.StatusCode == http.StatusNotFound
}

// registryError says what went wrong in talking to a registry, and what to do.
func registryError(host string, err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = fmt.Errorf("%s %s: %w", strings.ToUpper(u.Op), redact(u.URL), u.Err)
	}
	err = withKind(err, ErrUnreachable)
	if _, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); ok {
		return err
	}
	if hint := registryHint(host, err); hint != "" {
		return withHint(err, hint)
	}
	return err
}

// redact takes out of a URL what may be secret: blobs are often behind addresses
// that are signed in their query, and who has one needs no password.
func redact(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "a URL"
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	return u.String()
}

func registryHint(host string, err error) string {
	var unknown x509.UnknownAuthorityError
	var unconnected net.Error
	t, isAnswer := errors.AsType[*transport.Error](err)
	switch {
	case isAnswer && (t.StatusCode == http.StatusUnauthorized || t.StatusCode == http.StatusForbidden):
		return "log in with docker login or podman login " + host + ", and check that the account may do this"
	case isAnswer && t.StatusCode == http.StatusNotFound:
		return "check the name and the tag; for a private repository log in first: docker login or podman login " + host
	case isAnswer && t.StatusCode == http.StatusTooManyRequests:
		return "the registry limits how often it is asked: log in, or try again later"
	case errors.As(err, &unknown):
		return "if the registry has a certificate of a company's own CA, name it with --registry-ca FILE"
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "if the registry has no TLS, say so with --insecure-registry " + host
	case errors.As(err, &unconnected):
		return "check the registry's name, the network and the proxy (https_proxy)"
	}
	return ""
}
