//go:build e2e

package e2e

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

// tlsServer serves HTTPS on loopback with the certificate of a, until the test
// ends, and returns its port.
func tlsServer(t *testing.T, a authority) int {
	t.Helper()
	return tlsServerAt(t, a, "127.0.0.1")
}

// tlsServerAt is tlsServer at another address of this machine.
func tlsServerAt(t *testing.T, a authority, address string) int {
	t.Helper()
	return serveTLS(t, a, address, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") }))
}

// serveTLS is tlsServer at another address, with another answer.
func serveTLS(t *testing.T, a authority, address string, handler http.Handler) int {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(a.certFile, a.keyFile)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", net.JoinHostPort(address, "0"), &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0), // clients that refuse are the point
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().(*net.TCPAddr).Port
}

// postgres runs PostgreSQL on loopback with the certificate of a, until the
// test ends, and returns its port. Options are settings, NAME=VALUE.
func postgres(t *testing.T, a authority, options ...string) int {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		t.Fatal("PostgreSQL is not installed")
	}
	bin := filepath.Dir(found[len(found)-1])
	dir := t.TempDir()
	run(t, "chmod", "0755", filepath.Dir(dir)) // PostgreSQL runs as another user
	data := filepath.Join(dir, "data")
	run(t, "chown", "postgres", dir)
	run(t, "su", "postgres", "-c", bin+"/initdb -N -D "+data+" -A trust -U postgres")
	for name, file := range map[string]string{"server.crt": a.certFile, "server.key": a.keyFile, "root.crt": a.caFile} {
		run(t, "install", "-o", "postgres", "-m", "0600", file, filepath.Join(data, name))
	}
	port := freePort(t)
	settings := " -c ssl=on -c fsync=off"
	for _, o := range options {
		settings += " -c " + o
	}
	cmd := exec.Command("su", "postgres", "-c", fmt.Sprintf(
		"exec %s/postgres -D %s -p %d -c listen_addresses=127.0.0.1 -c unix_socket_directories=''%s", bin, data, port, settings))
	background(t, cmd, func() bool {
		out, err := try(t, bin+"/pg_isready", "-h", "127.0.0.1", "-p", fmt.Sprint(port))
		return err == nil && strings.Contains(out, "accepting")
	})
	t.Cleanup(func() { _, _ = try(t, "su", "postgres", "-c", bin+"/pg_ctl -D "+data+" -m immediate stop") }) // su has it in a session of its own
	return port
}
