package bundles

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/web"
)

// errTransient is a failure of the network or the server, not of the content. A
// cache or a snapshot may replace the download.
var errTransient = errors.New("the download failed")

// fetcher downloads URLs, each once.
type fetcher struct {
	client   *web.Client
	cache    *cache
	progress func(url string, done, total int64)

	mu   sync.Mutex
	once map[string]func() ([]byte, error)
}

// longestWait is the longest pause after a failed download. A download has up
// to four tries, all within the timeout of the whole call.
const longestWait = 10 * time.Second

// newFetcher returns a fetcher for sources. If no source needs a download, the
// fetcher has only a cache: reading the system's CAs takes longer than the
// rest.
func newFetcher(ctx context.Context, opt Options, sources []*source) (*fetcher, error) {
	remote := slices.ContainsFunc(sources, func(s *source) bool { return s.path == "" && !s.stdin })
	if opt.Offline || !remote {
		return &fetcher{cache: newCache(opt)}, nil
	}
	transport, err := newTransport(ctx, opt)
	if err != nil {
		return nil, err
	}
	client := &web.Client{Inner: transport, Tries: 4, Longest: longestWait, CheckRedirect: checkRedirect, Noted: noteAttempt}
	return &fetcher{client: client, cache: newCache(opt), progress: opt.Progress, once: map[string]func() ([]byte, error){}}, nil
}

func (opt Options) log() *slog.Logger {
	if opt.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return opt.Logger
}

// attemptsKey is the context key of the attempts to download a URL.
type attemptsKey struct{}

type attempts struct {
	report func(error)
	last   error // error of the last attempt, more useful than a timeout
}

// noteAttempt keeps and reports the error of an attempt, except a timeout.
func noteAttempt(ctx context.Context, resp *http.Response, err error) {
	a, ok := ctx.Value(attemptsKey{}).(*attempts)
	if !ok || ctx.Err() != nil {
		return
	}
	switch {
	case err != nil:
		a.last = withoutURL(err)
	case web.MayPass(resp.StatusCode):
		a.last = statusError(resp.StatusCode)
	default:
		return
	}
	a.report(a.last)
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// get returns the body of address. Two sources with the same address share one
// download.
func (f *fetcher) get(ctx context.Context, address string) ([]byte, error) {
	f.mu.Lock()
	once, ok := f.once[address]
	if !ok {
		once = sync.OnceValues(func() ([]byte, error) { return f.fetch(ctx, address) })
		f.once[address] = once
	}
	f.mu.Unlock()
	return once()
}

func (f *fetcher) fetch(ctx context.Context, address string) ([]byte, error) {
	logger := f.cache.log.With("url", redact(address))
	logger.Debug("download")
	tried := &attempts{report: func(err error) { logger.Warn("the download failed", "error", err) }}
	if _, err := url.Parse(address); err != nil {
		return nil, usagef("it is not a URL")
	}
	header := http.Header{"User-Agent": {"certgraft"}}
	cached, haveCached := f.cache.read(address)
	if haveCached {
		cached.revalidate(header)
	}
	var body []byte
	resp, err := f.client.Get(context.WithValue(ctx, attemptsKey{}, tried), address, header, func(r *http.Response) (err error) {
		if r.StatusCode == http.StatusOK {
			body, err = f.readBody(address, r)
		}
		return err
	})
	if resp != nil {
		defer resp.Body.Close()
	}
	if err != nil {
		return nil, failure(ctx, err, tried.last)
	}
	switch {
	case resp.StatusCode == http.StatusOK:
		f.cache.write(address, resp.Header, body)
		return body, nil
	case resp.StatusCode == http.StatusNotModified && haveCached:
		return cached.body, nil
	}
	return nil, statusError(resp.StatusCode)
}

func (f *fetcher) readBody(address string, r *http.Response) ([]byte, error) {
	reader := io.Reader(r.Body)
	if f.progress != nil {
		reader = &counter{Reader: r.Body, report: func(n int64) { f.progress(redact(address), n, r.ContentLength) }}
	}
	data, err := io.ReadAll(io.LimitReader(reader, maxSize+1))
	if err == nil && len(data) > maxSize {
		err = fmt.Errorf("%w: %w", errPolicy, tooLarge())
	}
	return data, err
}

// counter reports the number of bytes read.
type counter struct {
	io.Reader
	n      int64
	report func(int64)
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	c.report(c.n)
	return n, err
}

// errNotServed is a permanent answer, for example for a missing file.
var errNotServed = errors.New("the server does not serve it")

// statusError is the error of an answer without a bundle.
func statusError(status int) error {
	kind := errNotServed
	if web.MayPass(status) {
		kind = errTransient
	}
	return classed{unreachablef("%d %s", status, http.StatusText(status)), kind}
}

const proxyHint = "if a proxy here inspects TLS, name its CA with --download-ca FILE"

// failure is the error of a request without an answer. It removes the URL that
// the library puts into its errors: the URL may hold a password or a token.
func failure(ctx context.Context, err, last error) error {
	cause := withoutURL(err)
	if errors.Is(err, errPolicy) {
		return hint.Add(refusedf("%w", cause), "look at what the address serves, and download it elsewhere if it is right")
	}
	if ctx.Err() != nil {
		cause = context.Cause(ctx)
		if !errors.Is(cause, errTimeout) {
			return cause
		}
		if last != nil {
			cause = fmt.Errorf("%w; the last attempt: %w", cause, last)
		}
		cause = hint.Add(cause, "allow more with --timeout, or use --offline")
	}
	var out error = classed{unreachablef("%w", cause), errTransient}
	if is[*tls.CertificateVerificationError](err) || is[x509.UnknownAuthorityError](err) {
		out = hint.Add(out, proxyHint)
	}
	return out
}

// withoutURL returns the cause of err, without the URL that the library puts
// before it.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
