package image

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/certgraft/certgraft/certs"
)

// registryClient is how registries are reached. It is safe for concurrent use.
type registryClient struct {
	insecure  []string       // hosts that may be spoken to in plain http
	cas       *x509.CertPool // that vouch for registries; nil is [certs.ServerRoots]
	userAgent string
	inner     http.RoundTripper // below all else; nil is one of its own
	jobs      int               // blobs that are moved at a time; 0 is 4
	logger    *slog.Logger      // nil is silent
	progress  func(what string, done, total int64)

	wait  func(context.Context, time.Duration) error // between tries; nil sleeps
	stall time.Duration                              // that a body may send nothing; 0 is a minute

	mu    sync.Mutex
	base  http.RoundTripper
	known map[string]*http.Client
	turns map[string]turn // of blobs on their way into repositories
}

// login returns an HTTP client that is logged in to a repository, for reading
// alone or for writing too.
func (c *registryClient) login(ctx context.Context, repo name.Repository, scopes ...string) (*http.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := repo.Name() + " " + strings.Join(scopes, " ")
	if known, ok := c.known[key]; ok {
		return known, nil
	}
	registry := repo.Registry
	if slices.Contains(c.insecure, registry.Name()) {
		insecure, err := name.NewRegistry(registry.Name(), name.Insecure)
		if err != nil {
			return nil, err
		}
		registry = insecure
	}
	auth, err := authn.Resolve(ctx, authn.DefaultKeychain, repo)
	if err != nil {
		return nil, withHint(fmt.Errorf("read the credentials for %s: %w", registry.Name(), err), "log in again: docker login or podman login "+registry.Name())
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

// transport returns what all requests go through: first the guard against
// plain http and the watch over what stalls, then what tries again.
func (c *registryClient) transport() http.RoundTripper {
	if c.base == nil {
		inner := c.inner
		if inner == nil {
			t := http.DefaultTransport.(*http.Transport).Clone()
			t.TLSClientConfig = c.tls()
			t.ResponseHeaderTimeout = 5 * time.Minute // some registries take their time to finish a large upload
			t.MaxIdleConnsPerHost = 16
			inner = t
		}
		c.base = transport.NewUserAgent(&retrying{inner: &guarded{inner: &unstalled{inner, cmp.Or(c.stall, stallTime)}, plain: c.insecure}, wait: c.waiter()}, c.userAgent)
	}
	return c.base
}

// tls returns what connections to registries are made with.
func (c *registryClient) tls() *tls.Config {
	roots := c.cas
	if roots == nil {
		roots = certs.ServerRoots()
	}
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

func (c *registryClient) log() *slog.Logger {
	if c.logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.logger
}

func (c *registryClient) atATime() int {
	if c.jobs <= 0 {
		return 4
	}
	return c.jobs
}

func (c *registryClient) waiter() func(context.Context, time.Duration) error {
	if c.wait != nil {
		return c.wait
	}
	return pause
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// guarded lets plain http through to loopback and to the hosts that were named
// alone: anyone on the way could change what is read, or take the password.
type guarded struct {
	inner http.RoundTripper
	plain []string
}

var errPlain = errors.New("plain http is not used for this host")

func (g *guarded) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme == "http" && !slices.Contains(g.plain, req.URL.Host) && !isLoopback(req.URL.Hostname()) {
		return nil, withHint(fmt.Errorf("%s: %w", req.URL.Host, errPlain), "if the registry has no TLS, say so with --insecure-registry "+req.URL.Host)
	}
	resp, err := g.inner.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if _, err := url.Parse(resp.Header.Get("Location")); err != nil {
		resp.Body.Close()
		return nil, errNoPlace
	}
	return resp, nil
}

// errNoPlace stands for the errors of package net/url, which quote the whole
// address: it may be a signed one.
var errNoPlace = errors.New("the answer leads to an address that is no URL")

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// retrying sends a request again where that may help: nothing came back, or
// the server says that it is not its time.
type retrying struct {
	inner http.RoundTripper
	wait  func(context.Context, time.Duration) error
}

// tries is how often something is done before it is given up.
const tries = 5

func (r *retrying) RoundTrip(req *http.Request) (*http.Response, error) {
	for try := 0; ; try++ {
		if req.GetBody != nil { // at first too: what renews a token sends the same request twice
			var err error
			if req.Body, err = req.GetBody(); err != nil {
				return nil, err
			}
		}
		resp, err := r.inner.RoundTrip(req)
		if try == tries-1 || !again(req, resp, err) {
			return resp, err
		}
		pause := min(time.Second<<try, maxPause)
		if resp != nil {
			pause = retryAfter(resp, pause)
			_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
			_ = resp.Body.Close()
		}
		if err := r.wait(req.Context(), pause); err != nil {
			return nil, err
		}
	}
}

const maxPause = 30 * time.Second

// again reports whether a request is to be sent once more. A body that is a
// stream is gone: who sent it has to start over.
func again(req *http.Request, resp *http.Response, err error) bool {
	switch {
	case req.Context().Err() != nil, req.Body != nil && req.Body != http.NoBody && req.GetBody == nil:
		return false
	case err != nil:
		return temporary(err)
	}
	return slices.Contains([]int{http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}, resp.StatusCode)
}

// temporary reports whether an error of the network may pass: names that do
// not exist, refused connections and certificates do not mend themselves.
func temporary(err error) bool {
	if errors.Is(err, errPlain) {
		return false
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return dns.IsTemporary
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return op.Timeout()
	}
	if timeout, ok := err.(interface{ Timeout() bool }); ok && timeout.Timeout() {
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "connection reset") || strings.Contains(err.Error(), "server closed")
}

// retryAfter returns what the server asks to wait, within reason.
func retryAfter(resp *http.Response, otherwise time.Duration) time.Duration {
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return otherwise
	}
	return min(time.Duration(seconds)*time.Second, maxPause)
}
