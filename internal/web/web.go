// Package web holds what downloads of bundles and requests to registries share:
// when a request is sent again, and which part of an address an error may show.
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

// Client sends a request again where that may help: nothing came back, or the
// server says that it is overloaded or broken. A pause is a second at first, and
// doubles; a server may ask for a longer one.
type Client struct {
	Inner   http.RoundTripper
	Tries   int           // in all
	Longest time.Duration // pause, whatever a server asks for

	CheckRedirect func(req *http.Request, via []*http.Request) error        // as in [http.Client]
	Noted         func(ctx context.Context, resp *http.Response, err error) // is told of each attempt; may be nil
	Wait          func(time.Duration)                                       // instead of the pauses; nil sleeps
}

// Get gets an address. Where read fails, all of it is tried again.
func (c *Client) Get(ctx context.Context, address string, header http.Header, read func(*http.Response) error) (*http.Response, error) {
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header = header
	req.SetResponseHandler(read)
	return c.retrying().Do(req)
}

// RoundTrip implements [http.RoundTripper]. A body that is a stream is gone once
// it was sent: who sent it has to start over.
func (c *Client) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return c.send(req)
	}
	if req.GetBody == nil {
		return guarded{c.Inner}.RoundTrip(req)
	}
	body, err := req.GetBody() // what renews a token sends the same request twice
	if err != nil {
		return nil, err
	}
	again := req.Clone(req.Context())
	again.Body = body
	return c.send(again)
}

// send returns an answer or an error. Of a context that ended meanwhile the library
// returns both, which package net/http reports on standard error.
func (c *Client) send(req *http.Request) (*http.Response, error) {
	resp, err := (&retryablehttp.RoundTripper{Client: c.retrying()}).RoundTrip(req)
	if err != nil && resp != nil {
		resp.Body.Close()
		resp = nil
	}
	return resp, err
}

func (c *Client) retrying() *retryablehttp.Client {
	return &retryablehttp.Client{ // without a logger: it leaves all of a URL but the password in what it says
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
	case err != nil: // one of a context says why that ended
		return ctx.Err() == nil && Temporary(err), nil
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case resp.StatusCode >= 500 && ctx.Value(onceKey{}) != nil:
		return false, nil
	}
	return MayPass(resp.StatusCode), nil
}

// Once has a request not sent again where the server is broken: for what the
// program can do without.
func Once(ctx context.Context) context.Context { return context.WithValue(ctx, onceKey{}, true) }

type onceKey struct{}

// pause bounds what the default honours whatever it is: a day, say.
func (c *Client) pause(least, most time.Duration, attempt int, resp *http.Response) time.Duration {
	d := min(retryablehttp.DefaultBackoff(least, most, attempt, resp), most)
	if c.Wait != nil {
		c.Wait(d)
		return 0
	}
	return d
}

// MayPass reports whether a status says that the server is overloaded or broken.
func MayPass(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500
}

// Temporary reports whether an error of the network may pass. A second try cures
// no name that does not exist, no resolver or server that nobody can reach, no
// refused connection and no certificate.
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

// unreachable reports whether no question got to the resolver: this machine has no
// route, or no program listens. Package net calls each error of a socket temporary
// there, and keeps only its text.
func unreachable(dns *net.DNSError) bool {
	for _, cause := range []syscall.Errno{syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EADDRNOTAVAIL, syscall.ECONNREFUSED} {
		if strings.HasSuffix(dns.Err, cause.Error()) {
			return true
		}
	}
	return false
}

// guarded refuses an answer that leads to no URL: package net/url quotes all of
// that, and it may be a signed one.
type guarded struct{ http.RoundTripper }

func (g guarded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := g.RoundTripper.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if _, err := url.Parse(resp.Header.Get("Location")); err != nil {
		resp.Body.Close()
		return nil, errors.New("the answer leads to an address that is no URL")
	}
	return resp, nil
}

// RedactName takes user and password out of the name of an image or a server. The
// @ of a digest stays.
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

// Redact takes out of a URL what may be secret: user, password, query and
// fragment. What is signed in its query can be had without a password.
func Redact(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "a URL"
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	return u.String()
}
