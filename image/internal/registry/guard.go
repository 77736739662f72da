package registry

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"

	"github.com/certgraft/certgraft/internal/hint"
)

// guarded lets plain http through to loopback and to the hosts that were named
// alone: anyone on the way could change what is read, or take the password.
type guarded struct {
	inner http.RoundTripper
	plain []string
}

var errPlain = errors.New("plain http is not used for this host")

func (g *guarded) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme == "http" && !slices.Contains(g.plain, req.URL.Host) && !isLoopback(req.URL.Hostname()) {
		return nil, hint.Add(fmt.Errorf("%s: %w", req.URL.Host, errPlain), "if the registry has no TLS, say so with --insecure-registry "+req.URL.Host)
	}
	return g.inner.RoundTrip(req)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
