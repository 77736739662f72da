package registry

import (
	"errors"
	"net/http"
	"testing"
)

// Plain http is allowed only to loopback and to named hosts.
func TestPlainHTTP(t *testing.T) {
	asked := 0
	inner := roundTripper(func(*http.Request) (*http.Response, error) {
		asked++
		return nil, errors.New("asked")
	})
	for address, want := range map[string]int{
		"http://10.1.2.3:5000/v2/": 0, "http://example.com/v2/": 0, "https://example.com/v2/": 1, "http://127.0.0.1:5000/v2/": 1, "http://localhost/v2/": 1, "http://[::1]:5000/v2/": 1, "http://named:5000/v2/": 1, "http://named/v2/": 0,
	} {
		asked = 0
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		must(t, err)
		resp, err := (&guarded{inner: inner, plain: []string{"named:5000"}}).RoundTrip(req)
		if err == nil {
			resp.Body.Close()
		}
		if asked != want {
			t.Errorf("%s: asked %d times, %v", address, asked, err)
		}
		if want == 0 && !errors.Is(err, errPlain) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
