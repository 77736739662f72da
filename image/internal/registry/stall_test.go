package registry

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/certgraft/certgraft/internal/web"
)

// A server that reads nothing of a body fails the request, and the request may
// be tried again.
func TestServerTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := roundTripper(func(r *http.Request) (*http.Response, error) {
			if _, err := r.Body.Read(make([]byte, 1)); err != nil {
				return nil, err
			}
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://x.example/", strings.NewReader("layer"))
		must(t, err)
		start := time.Now()
		resp, err := (&unstalled{inner, time.Minute}).RoundTrip(req)
		if err == nil {
			resp.Body.Close()
		}
		if !errors.Is(err, errUntaken) || !web.Temporary(err) || time.Since(start) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}
