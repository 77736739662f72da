//go:build e2e

package rig

import (
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

// Inspector is a company proxy that inspects TLS. It answers in place of its sites,
// with a certificate for each that its own CA signs.
type Inspector struct {
	CAFile string
	URL    string // for HTTPS_PROXY
	IP     string // for host entries: programs that read no HTTPS_PROXY find the sites at port 443 there

	sites map[string]http.Handler
}

// StartInspector runs one on loopback until the test ends.
func StartInspector(t *testing.T, ca *roottest.CA, sites map[string]http.Handler) *Inspector {
	t.Helper()
	i := &Inspector{CAFile: Write(t, filepath.Join(t.TempDir(), "corp.pem"), ca.PEM()), sites: sites}
	certs := map[string]*tls.Certificate{}
	for host := range sites {
		issued := ca.Issue(t, host)
		certs[host] = &issued
	}
	listener := listen443(t)
	i.IP = listener.Addr().(*net.TCPAddr).IP.String()
	serve(t, tls.NewListener(listener, &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if certs[hello.ServerName] == nil {
			return nil, fmt.Errorf("no site %q", hello.ServerName)
		}
		return certs[hello.ServerName], nil
	}}), http.HandlerFunc(i.answer))

	proxy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	i.URL = "http://" + proxy.Addr().String()
	serve(t, proxy, http.HandlerFunc(i.connect))
	return i
}

// Hosts are the names of the sites.
func (i *Inspector) Hosts() (hosts []string) {
	for host := range i.sites {
		hosts = append(hosts, host)
	}
	return hosts
}

// answer answers in place of a site.
func (i *Inspector) answer(w http.ResponseWriter, r *http.Request) {
	site := i.sites[r.Host]
	if site == nil {
		http.NotFound(w, r)
		return
	}
	site.ServeHTTP(w, r)
}

// connect takes a client of the proxy to the answers.
func (i *Inspector) connect(w http.ResponseWriter, r *http.Request) {
	host, _, _ := net.SplitHostPort(r.Host)
	if r.Method != http.MethodConnect || i.sites[host] == nil {
		http.Error(w, "this proxy has no such site", http.StatusForbidden)
		return
	}
	client, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if _, err := io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
		_ = client.Close()
		return
	}
	(&Proxy{}).forward(client, net.JoinHostPort(i.IP, "443"))
}

// listen443 listens on an address of loopback that nobody else has.
func listen443(t *testing.T) net.Listener {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.%d.%d.%d:443", 1+rand.IntN(250), rand.IntN(250), 1+rand.IntN(250))
		if listener, err := net.Listen("tcp", address); err == nil {
			return listener
		}
	}
	t.Fatal("port 443 of loopback cannot be had")
	return nil
}
