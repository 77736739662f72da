package bundles

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/web"
)

// errPolicy is a download that this program refuses.
var errPolicy = errors.New("refused")

// newTransport returns the transport for downloads, with a limit for each phase.
func newTransport(ctx context.Context, opt Options) (http.RoundTripper, error) {
	if opt.Transport != nil {
		return opt.Transport, nil
	}
	roots, err := downloadRoots(ctx, opt.DownloadCA)
	if err != nil {
		return nil, err
	}
	return &http.Transport{
		Proxy:                  web.Proxy,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  20 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true,
	}, nil
}

// downloadRoots returns the CAs for downloads: those for servers, and those in
// files, for example of a corporate proxy.
func downloadRoots(ctx context.Context, files []string) (*x509.CertPool, error) {
	pool := certs.ServerRoots()
	for _, name := range files {
		if err := addFile(ctx, pool, name); err != nil {
			return nil, fmt.Errorf("--download-ca %s: %w", name, err)
		}
	}
	return pool, nil
}

func addFile(ctx context.Context, pool *x509.CertPool, name string) error {
	data, err := readFile(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return noSuchFile()
	case err != nil:
		return err
	}
	b := (&source{path: name}).newBundle(File)
	if err := b.add("", data); err != nil {
		return err
	}
	for c := range b.Certs.All() {
		if c.X509() == nil {
			return refusedf("%s: Go cannot verify with it: %s", c.Subject(), c.Quirk())
		}
		pool.AddCert(c.X509())
	}
	return nil
}

// checkRedirect follows up to 5 redirects, only to https, and never from a public
// name to an address of this machine or its network.
func checkRedirect(req *http.Request, via []*http.Request) error {
	const most = 5
	req.Header.Del("Referer") // it has the query, which may hold a token
	switch {
	case len(via) > most:
		return fmt.Errorf("%w: more than %d redirects", errPolicy, most)
	case req.URL.Scheme != "https":
		return fmt.Errorf("%w: it redirects to %s, and only https is followed", errPolicy, redact(req.URL.String()))
	case local(req.URL.Hostname()) && !local(via[0].URL.Hostname()):
		return fmt.Errorf("%w: it redirects to %s, an address of this machine or its network", errPolicy, req.URL.Hostname())
	}
	return nil
}

func local(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	addr = addr.Unmap()
	return err == nil && (addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast() || addr.IsUnspecified() || addr.IsMulticast())
}
