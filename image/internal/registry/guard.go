package registry

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"

	"github.com/certgraft/certgraft/internal/hint"
)

// guarded allows plain http only to loopback and to named hosts. Anyone on the
// network path could change the content or steal the password.
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
