package registry

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

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
