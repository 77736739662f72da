package registry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// unstalled fails a request if the server sends nothing for a while, or reads
// nothing. A limit on the whole request would fail a transfer that is merely
// large.
type unstalled struct {
	inner http.RoundTripper
	most  time.Duration
}

func (u *unstalled) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, stop := context.WithCancelCause(req.Context())
	cancel := func() { stop(nil) }
	req = req.WithContext(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		req.Body = &taken{body: req.Body, late: time.AfterFunc(u.most, func() { stop(errUntaken) }), most: u.most}
	}
	resp, err := u.inner.RoundTrip(req)
	if err != nil {
		cancel()
		if errors.Is(context.Cause(ctx), errUntaken) {
			err = errUntaken
		}
		return nil, err
	}
	resp.Body = &watched{resp.Body, u.most, cancel}
	return resp, nil
}

// taken watches how long a server reads nothing of a body: from one read to the
// next.
type taken struct {
	body io.ReadCloser
	late *time.Timer
	most time.Duration
}

func (t *taken) Read(p []byte) (int, error) {
	t.late.Stop()
	n, err := t.body.Read(p)
	if err == nil { // the wait for the answer has its own limit
		t.late.Reset(t.most)
	}
	return n, err
}

func (t *taken) Close() error {
	t.late.Stop()
	return t.body.Close()
}

type watched struct {
	body   io.ReadCloser
	most   time.Duration
	cancel context.CancelFunc
}

func (w *watched) Read(p []byte) (int, error) {
	stall := time.AfterFunc(w.most, w.cancel)
	n, err := w.body.Read(p)
	if !stall.Stop() && err != nil {
		err = errStalled
	}
	return n, err
}

func (w *watched) Close() error {
	err := w.body.Close()
	w.cancel()
	return err
}

// stallTime is the longest silence of a body.
const stallTime = time.Minute

// errUntaken is a temporary error of the network.
var errUntaken error = untakenError{}

type untakenError struct{}

func (untakenError) Error() string { return "the server took nothing for a minute" }
func (untakenError) Timeout() bool { return true }

var errStalled = errors.New("nothing came for a minute")
