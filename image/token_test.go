package image

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

// A token that expired during the upload of a layer is renewed, and the
// manifest is sent with the new one, unchanged: over a new connection and by
// HTTP/2.
func TestTokenRunsOut(t *testing.T) {
	_, text := seeded(t)
	l, _ := patient()
	img, err := getFrom(t, l, text)
	must(t, err)
	for _, http2 := range []bool{false, true} {
		to := roottest.NewRegistry(t)
		server := httptest.NewUnstartedServer(to)
		server.EnableHTTP2 = http2
		server.StartTLS()
		t.Cleanup(server.Close)
		var tokens atomic.Int32
		to.Fault(func(w http.ResponseWriter, req *http.Request) bool {
			if req.URL.Path == "/token" {
				fmt.Fprintf(w, `{"token":"%d"}`, tokens.Add(1))
				return true
			}
			manifest := req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/manifests/")
			if req.Header.Get("Authorization") == fmt.Sprintf("Bearer %d", tokens.Load()) && (!manifest || tokens.Load() != 1) {
				return false
			}
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+server.URL+`/token",service="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return true
		})
		l, _ := patient()
		client := server.Client().Transport.(*http.Transport)
		client.DisableKeepAlives = !http2 // over a used connection, package net/http itself sends it again
		l.Transport = client
		host := strings.TrimPrefix(server.URL, "https://")
		if err := putTo(t, l, host+"/app:1", img); err != nil || tokens.Load() != 2 {
			t.Errorf("HTTP/2 %v: %d tokens, %v", http2, tokens.Load(), err)
		}
		if again, err := getFrom(t, l, host+"/app:1"); err != nil || again.Descriptor.Digest != img.Descriptor.Digest {
			t.Errorf("HTTP/2 %v: %v", http2, err)
		}
	}
}
