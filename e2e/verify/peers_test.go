//go:build e2e

package verify

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// peer builds a program of testdata/peers, a module of its own: servers and
// clients written in Go that Debian does not have.
func peer(t *testing.T, name string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	rig.Run(t, "env", "CGO_ENABLED=0", "go", "build", "-C", "testdata/peers", "-trimpath", "-o", program, "./"+name)
	return program
}

// nodeDrivers returns a directory with the drivers of Node for SQL Server and
// MongoDB, which are had from npm once.
func nodeDrivers(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(rig.CacheDir(t), "npm-drivers")
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	fresh := dir + ".new"
	rig.Run(t, "npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--cafile", "/etc/ssl/certs/ca-certificates.crt", "--prefix", fresh, "tedious@18.6.1", "mongodb@6.22.0")
	if err := os.Rename(fresh, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// withHosts returns a command that runs another with its own /etc/hosts.
func withHosts(t *testing.T, lines string) []string {
	t.Helper()
	hosts := rig.Write(t, filepath.Join(t.TempDir(), "hosts"), lines)
	return []string{"unshare", "--mount", "sh", "-c", `mount --bind "$0" /etc/hosts && exec "$@"`, hosts}
}

// tap forwards connections to a port of this machine and keeps what the server
// there says.
type tap struct {
	address string
	mu      sync.Mutex
	said    []*bytes.Buffer // a buffer for each connection
}

func newTap(t *testing.T, port int) *tap {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	p := &tap{address: listener.Addr().String()}
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			go p.forward(in, port)
		}
	}()
	return p
}

func (p *tap) forward(in net.Conn, port int) {
	defer in.Close()
	out, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return
	}
	defer out.Close()
	said := &bytes.Buffer{}
	p.mu.Lock()
	p.said = append(p.said, said)
	p.mu.Unlock()
	go func() { _, _ = io.Copy(out, in); out.Close() }()
	_, _ = io.Copy(in, io.TeeReader(out, writer(func(b []byte) {
		p.mu.Lock()
		defer p.mu.Unlock()
		said.Write(b)
	})))
}

// last returns what the server said in the last connection.
func (p *tap) last() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.said) == 0 {
		return nil
	}
	return bytes.Clone(p.said[len(p.said)-1].Bytes())
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }
