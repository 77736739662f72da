// Package registry reads and writes images in registries. A [Client] connects
// to registries; a [Location] is an image in one.
//
// See https://github.com/opencontainers/distribution-spec.
package registry

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/web"
)

// Client connects to registries. It is safe for concurrent use.
type Client struct {
	Insecure  []string       // registries for plain http
	CAs       *x509.CertPool // trusted for registries; nil is [certs.ServerRoots]
	UserAgent string
	Transport http.RoundTripper // sends all requests; nil is a new transport
	Jobs      int               // blobs moved at a time
	Logger    *slog.Logger
	Progress  func(what string, done, total int64)
	Env       func(name string) string // variables that locate the accounts; nil finds no account

	Wait  func(context.Context, time.Duration) error // waits between tries; nil sleeps
	Stall time.Duration                              // longest silence of a body; 0 is one minute
	Spare time.Duration                              // limit for optional answers; 0 is ten seconds

	mu    sync.Mutex
	base  http.RoundTripper
	known map[string]*http.Client
	locks map[string]uploadLock // for uploads, by repository and blob

	listless sync.Map // registries without the referrers API
}

// login returns an HTTP client that is logged in to a repository with the
// scopes.
func (c *Client) login(ctx context.Context, repo name.Repository, scopes ...string) (*http.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := repo.Name() + " " + strings.Join(scopes, " ")
	if known, ok := c.known[key]; ok {
		return known, nil
	}
	registry := repo.Registry
	if slices.Contains(c.Insecure, registry.Name()) {
		insecure, err := name.NewRegistry(registry.Name(), name.Insecure)
		if err != nil {
			return nil, err
		}
		registry = insecure
	}
	auth, err := c.credentials(ctx, repo)
	if err != nil {
		return nil, hint.Add(fmt.Errorf("read the credentials for %s: %w", registry.Name(), err), "log in again: docker login or podman login "+registry.Name())
	}
	rt, err := transport.NewWithContext(ctx, registry, auth, c.transport(), scopes)
	if err != nil {
		return nil, registryError(registry.Name(), err)
	}
	if c.known == nil {
		c.known = map[string]*http.Client{}
	}
	c.known[key] = &http.Client{Transport: rt}
	return c.known[key], nil
}

func (c *Client) env(name string) string {
	if c.Env == nil {
		return ""
	}
	return c.Env(name)
}

// tries is the number of tries before an action fails.
const tries = 5

// transport returns the transport of all requests. From the inside: the watch
// over stalled bodies, the guard against plain http, the retries.
func (c *Client) transport() http.RoundTripper {
	if c.base == nil {
		inner := c.Transport
		if inner == nil {
			t := http.DefaultTransport.(*http.Transport).Clone()
			t.Proxy = web.Proxy
			t.TLSClientConfig = c.tls()
			t.ResponseHeaderTimeout = 5 * time.Minute // some registries need minutes to finish a large upload
			t.MaxIdleConnsPerHost = 16
			inner = t
		}
		retry := &web.Client{Inner: &guarded{inner: &terse{&unstalled{inner, cmp.Or(c.Stall, stallTime)}}, plain: c.Insecure}, Tries: tries, Longest: 30 * time.Second}
		retry.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		if c.Wait != nil {
			retry.Wait = func(d time.Duration) { _ = c.Wait(context.Background(), d) }
		}
		c.base = transport.NewUserAgent(retry, c.UserAgent)
	}
	return c.base
}

// tls returns the TLS settings for registries.
func (c *Client) tls() *tls.Config {
	roots := c.CAs
	if roots == nil {
		roots = certs.ServerRoots()
	}
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

// pause waits before a retry.
func (c *Client) pause(ctx context.Context, d time.Duration) error {
	if c.Wait != nil {
		return c.Wait(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// moved reports the progress of a large blob. how is "from" or "to" the
// repository.
func (r *Repository) moved(verb, how string, d oci.Descriptor, done int64) {
	if r.client.Progress != nil && d.Size > smallBlob {
		r.client.Progress(verb+" "+d.Digest.Short()+" "+how+" "+r.name.Name(), done, d.Size)
	}
}

// Announce implements [oci.Announcer].
func (r *Repository) Announce(d oci.Descriptor) { r.moved("download", "from", d, 0) }

// smallBlob is the size up to which a transfer reports no progress.
const smallBlob = 1 << 20
