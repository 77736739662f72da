package registry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// unstalled gives up a body that sends nothing for a while. A limit on the whole
// request would end what is merely large.
type unstalled struct {
	inner http.RoundTripper
	most  time.Duration
}

func (u *unstalled) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	resp, err := u.inner.RoundTrip(req.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	resp.Body = &watched{resp.Body, u.most, cancel}
	return resp, nil
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

var errStalled = errors.New("nothing came for a minute")
