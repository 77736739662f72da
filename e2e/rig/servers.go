//go:build e2e

package rig

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TLSServer serves HTTPS on loopback with the certificate of a, until the test
// ends, and returns its port.
func TLSServer(t *testing.T, a Authority) int {
	t.Helper()
	return TLSServerAt(t, a, "127.0.0.1")
}

// TLSServerAt is TLSServer at another address of this machine.
func TLSServerAt(t *testing.T, a Authority, address string) int {
	t.Helper()
	return ServeTLS(t, a, address, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") }))
}

// ServeTLS is TLSServer at another address, with another answer.
func ServeTLS(t *testing.T, a Authority, address string, handler http.Handler) int {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(a.CertFile, a.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", net.JoinHostPort(address, "0"), &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, listener, handler)
	return listener.Addr().(*net.TCPAddr).Port
}

// serve answers until the test ends.
func serve(t *testing.T, listener net.Listener, handler http.Handler) {
	t.Helper()
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0), // clients that refuse are the point
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
}

// Postgres runs PostgreSQL on loopback with the certificate of a, until the
// test ends, and returns its port. Options are settings, NAME=VALUE.
func Postgres(t *testing.T, a Authority, options ...string) int {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		t.Fatal("PostgreSQL is not installed")
	}
	bin := filepath.Dir(found[len(found)-1])
	dir := t.TempDir()
	Run(t, "chmod", "0755", filepath.Dir(dir)) // PostgreSQL runs as another user
	data := filepath.Join(dir, "data")
	Run(t, "chown", "postgres", dir)
	Run(t, "su", "postgres", "-c", bin+"/initdb -N -D "+data+" -A trust -U postgres")
	for name, file := range map[string]string{"server.crt": a.CertFile, "server.key": a.KeyFile, "root.crt": a.CAFile} {
		Run(t, "install", "-o", "postgres", "-m", "0600", file, filepath.Join(data, name))
	}
	port := FreePort(t)
	settings := strings.Join(append([]string{"", "ssl=on", "fsync=off"}, options...), " -c ")
	cmd := exec.Command("su", "postgres", "-c", fmt.Sprintf(
		"exec %s/postgres -D %s -p %d -c listen_addresses=127.0.0.1 -c unix_socket_directories=''%s", bin, data, port, settings))
	Background(t, cmd, func() bool {
		out, err := Try(t, bin+"/pg_isready", "-h", "127.0.0.1", "-p", fmt.Sprint(port))
		return err == nil && strings.Contains(out, "accepting")
	})
	t.Cleanup(func() { _, _ = Try(t, "su", "postgres", "-c", bin+"/pg_ctl -D "+data+" -m immediate stop") }) // su has it in a session of its own
	return port
}
