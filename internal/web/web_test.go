package web

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// answers gives its answers in turn, and repeats the last. It keeps the sent
// bodies.
type answers struct {
	give []any // a status, or an error
	sent []string
}

func (a *answers) RoundTrip(req *http.Request) (*http.Response, error) {
	body := ""
	if req.Body != nil {
		data, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		body = string(data)
	}
	a.sent = append(a.sent, body)
	switch given := a.give[min(len(a.sent), len(a.give))-1].(type) {
	case error:
		return nil, given
	default:
		return &http.Response{StatusCode: given.(int), Header: http.Header{"Retry-After": {"86400"}}, Body: http.NoBody, Request: req}, nil
	}
}

// resolver is the error of package net for a name without an answer from a
// resolver.
func resolver(text string) error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: text, Name: "x.example", Server: "192.0.2.53:53", IsTemporary: true}}
}

// A failure that may pass is repeated; a request with a stream is not.
func TestRoundTrip(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	for what, c := range map[string]struct {
		give []any
		body io.Reader
		sent int
		took time.Duration
	}{
		"works":               {[]any{200}, nil, 1, 0},
		"broken for a while":  {[]any{500, 502, 408, 201}, strings.NewReader("x"), 4, 7 * time.Second},
		"broken for good":     {[]any{500}, nil, 4, 7 * time.Second},
		"overloaded":          {[]any{429, 503, 200}, nil, 3, 20 * time.Second}, // the server asks for a day
		"breaks off":          {[]any{io.EOF, io.ErrUnexpectedEOF, 200}, strings.NewReader("x"), 3, 3 * time.Second},
		"no leave":            {[]any{403}, nil, 1, 0},
		"nobody answers":      {[]any{refused}, nil, 1, 0},
		"no such name":        {[]any{&net.DNSError{IsNotFound: true}}, nil, 1, 0},
		"a name for a while":  {[]any{&net.DNSError{IsTemporary: true}, 200}, nil, 2, time.Second},
		"no route to a name":  {[]any{resolver("dial udp 192.0.2.53:53: connect: network is unreachable")}, nil, 1, 0},
		"no resolver":         {[]any{resolver("read udp 127.0.0.1:40000->127.0.0.1:53: read: connection refused")}, nil, 1, 0},
		"a deaf resolver":     {[]any{resolver("read udp 192.0.2.1:40000->192.0.2.53:53: i/o timeout"), 200}, nil, 2, time.Second},
		"no route":            {[]any{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}}, nil, 1, 0},
		"a stream":            {[]any{500, 200}, io.MultiReader(strings.NewReader("x")), 1, 0},
		"a stream breaks off": {[]any{io.EOF, 200}, io.MultiReader(strings.NewReader("x")), 1, 0},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				inner := &answers{give: c.give}
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://x.example/", c.body)
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				resp, err := (&Client{Inner: inner, Tries: 4, Longest: 10 * time.Second}).RoundTrip(req)
				if err == nil {
					resp.Body.Close()
				}
				_, fails := c.give[min(c.sent, len(c.give))-1].(error)
				if took := time.Since(start); len(inner.sent) != c.sent || took != c.took || (err != nil) != fails {
					t.Errorf("sent %d times in %v, want %d in %v: %v", len(inner.sent), took, c.sent, c.took, err)
				}
				for _, body := range inner.sent {
					if (body == "x") != (c.body != nil) {
						t.Errorf("sent %q", inner.sent)
					}
				}
			})
		})
	}
}

func TestRedact(t *testing.T) {
	for address, want := range map[string]string{
		"https://u:p@x.example/a?token=1#f": "https://x.example/a", "https://x.example/%zz?token=1": "a URL", "https://x.example/?": "https://x.example/",
	} {
		if got := Redact(address); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}

// ending ends a context after the answer has arrived.
type ending struct {
	end    context.CancelFunc
	closed bool
}

func (e *ending) RoundTrip(*http.Request) (*http.Response, error) {
	e.end()
	return &http.Response{StatusCode: http.StatusOK, Body: e}, nil
}

func (e *ending) Read([]byte) (int, error) { return 0, io.EOF }

func (e *ending) Close() error {
	e.closed = true
	return nil
}

// The result is an answer or an error, never both. Package net/http would report
// both on standard error.
func TestNoAnswerBesideAnError(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	inner := &ending{end: end}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://host/", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&Client{Inner: inner, Tries: 2}).RoundTrip(req)
	if err == nil || resp != nil || !inner.closed {
		t.Errorf("%v, %v, closed %v", resp, err, inner.closed)
	}
}
