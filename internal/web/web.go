// Package web holds code that downloads of bundles and requests to registries
// share: when to repeat a request, and which part of an address an error may show.
package web

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// Client repeats a request if that may help: no answer came, or the server says
// that it is overloaded or broken. The first pause is a second, and each further
// one is twice as long. A server may ask for a longer pause.
type Client struct {
	Inner   http.RoundTripper
	Tries   int           // the number of attempts
	Longest time.Duration // the limit for a pause, even if a server asks for more

	CheckRedirect func(req *http.Request, via []*http.Request) error        // as in [http.Client]
	Noted         func(ctx context.Context, resp *http.Response, err error) // is called after each attempt; may be nil
	Wait          func(time.Duration)                                       // replaces the pauses; nil sleeps
}

// Get gets an address. If read fails, the whole request is repeated.
func (c *Client) Get(ctx context.Context, address string, header http.Header, read func(*http.Response) error) (*http.Response, error) {
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header = header
	req.SetResponseHandler(read)
	return c.retrying().Do(req)
}

// RoundTrip implements [http.RoundTripper]. A body that is a stream cannot be sent
// again: its sender has to start over.
func (c *Client) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return c.send(req)
	}
	if req.GetBody == nil {
		return guarded{c.Inner}.RoundTrip(req)
	}
	body, err := req.GetBody() // the transport that renews a token sends the same request twice
	if err != nil {
		return nil, err
	}
	again := req.Clone(req.Context())
	again.Body = body
	return c.send(again)
}

// send returns either an answer or an error. When a context has ended, the library
// returns both, and package net/http would report that on standard error.
func (c *Client) send(req *http.Request) (*http.Response, error) {
	resp, err := (&retryablehttp.RoundTripper{Client: c.retrying()}).RoundTrip(req)
	if err != nil && resp != nil {
		resp.Body.Close()
		resp = nil
	}
	return resp, err
}

func (c *Client) retrying() *retryablehttp.Client {
	return &retryablehttp.Client{ // without a logger, which would print URLs with all secrets except the password
		HTTPClient: &http.Client{Transport: guarded{c.Inner}, CheckRedirect: c.CheckRedirect},
		RetryMax:   c.Tries - 1, RetryWaitMin: time.Second, RetryWaitMax: c.Longest,
		CheckRetry: c.again, Backoff: c.pause, ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
}

func (c *Client) again(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if c.Noted != nil {
		c.Noted(ctx, resp, err)
	}
	switch {
	case err != nil: // the error of a context is the reason for the end
		return ctx.Err() == nil && Temporary(err), nil
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case resp.StatusCode >= 500 && ctx.Value(onceKey{}) != nil:
		return false, nil
	}
	return MayPass(resp.StatusCode), nil
}

// Once makes the client send a request only once even if the server is broken. It
// is for data that the program can do without.
func Once(ctx context.Context) context.Context { return context.WithValue(ctx, onceKey{}, true) }

type onceKey struct{}

// pause limits the pause that the default takes from the server, which could be a
// day.
func (c *Client) pause(least, most time.Duration, attempt int, resp *http.Response) time.Duration {
	d := min(retryablehttp.DefaultBackoff(least, most, attempt, resp), most)
	if c.Wait != nil {
		c.Wait(d)
		return 0
	}
	return d
}

// MayPass reports whether a status means that the server is overloaded or broken.
func MayPass(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500
}

// Temporary reports whether an error of the network may pass. A repetition cures
// no missing name, no unreachable resolver or server, no refused connection and no
// certificate.
func Temporary(err error) bool {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return dns.IsTemporary && !unreachable(dns)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return op.Timeout()
	}
	if timeout, ok := err.(interface{ Timeout() bool }); ok && timeout.Timeout() {
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "connection reset") || strings.Contains(err.Error(), "server closed")
}

// unreachable reports whether the question did not reach the resolver, because
// this machine has no route or no program listens. Package net calls every such
// socket error temporary, and keeps only its text.
func unreachable(dns *net.DNSError) bool {
	for _, cause := range []syscall.Errno{syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EADDRNOTAVAIL, syscall.ECONNREFUSED} {
		if strings.HasSuffix(dns.Err, cause.Error()) {
			return true
		}
	}
	return false
}

// guarded refuses a redirect that is not a URL. Package net/url would quote all of
// it, and it may be signed.
type guarded struct{ http.RoundTripper }

func (g guarded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := g.RoundTripper.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if _, err := url.Parse(resp.Header.Get("Location")); err != nil {
		resp.Body.Close()
		return nil, errors.New("the answer redirects to an address that is not a URL")
	}
	return resp, nil
}

// RedactName removes user and password from the name of an image or server. It
// keeps the @ of a digest.
func RedactName(text string) string {
	scheme, rest, ok := strings.Cut(text, "://")
	if ok {
		scheme += "://"
	} else {
		scheme, rest = "", text
	}
	name, digest := rest, ""
	if i := strings.LastIndex(rest, "@sha"); i >= 0 && strings.Contains(rest[i:], ":") {
		name, digest = rest[:i], rest[i:]
	}
	return scheme + name[strings.LastIndexByte(name, '@')+1:] + digest
}

// Redact removes the parts of a URL that may be secret: user, password, query and
// fragment. A signed query works without a password.
func Redact(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "a URL"
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	return u.String()
}
