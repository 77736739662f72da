package registry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// unstalled gives up a body that sends nothing for a while, and a server that
// takes nothing of one. A limit on the whole request would end what is merely
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

// taken watches how long a server takes nothing of a body: from when a piece was
// read until the next is wanted.
type taken struct {
	body io.ReadCloser
	late *time.Timer
	most time.Duration
}

func (t *taken) Read(p []byte) (int, error) {
	t.late.Stop()
	n, err := t.body.Read(p)
	if err == nil { // the answer has a limit of its own
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

// stallTime is how long a body may send nothing.
const stallTime = time.Minute

// errUntaken is an error of the network that may pass.
var errUntaken error = untakenError{}

type untakenError struct{}

func (untakenError) Error() string { return "the server took nothing for a minute" }
func (untakenError) Timeout() bool { return true }

var errStalled = errors.New("nothing came for a minute")
