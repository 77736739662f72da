package image

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// silent sends no byte of a body until the client gives up.
func silent(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

// A server that stops within a body is not waited for. A blob resumes there,
// and a manifest is an error.
func TestStalls(t *testing.T) {
	for what, want := range map[string]string{"/blobs/": "", "/manifests/": "read the manifest: nothing came for a minute"} {
		t.Run(what, func(t *testing.T) {
			r, text := seeded(t)
			l, _ := patient()
			l.client.Stall = 50 * time.Millisecond
			var left atomic.Int32
			left.Store(2)
			r.Fault(func(w http.ResponseWriter, req *http.Request) bool {
				if req.Method != http.MethodGet || !strings.Contains(req.URL.Path, what) {
					return false
				}
				if left.Add(-1) < 0 {
					return false
				}
				silent(w, req)
				return true
			})
			_, err := patched(t, l, text)
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, ErrUnreachable)) {
				t.Errorf("%v, want %q", err, want)
			}
		})
	}
}
