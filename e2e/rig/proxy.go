//go:build e2e

package rig

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
)

// Proxy forwards connections to a registry and counts their bytes.
type Proxy struct {
	Host     string
	Down, Up atomic.Int64
}

// NewProxy serves on loopback, until the test ends, what the registry at to has.
func NewProxy(t *testing.T, to string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	p := &Proxy{Host: listener.Addr().String()}
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			go p.forward(in, to)
		}
	}()
	return p
}

func (p *Proxy) forward(in net.Conn, to string) {
	out, err := net.Dial("tcp", to)
	if err != nil {
		_ = in.Close()
		return
	}
	closeBoth := func() { _ = in.Close(); _ = out.Close() }
	go func() { defer closeBoth(); _, _ = io.Copy(out, counting{in, &p.Up}) }()
	defer closeBoth()
	_, _ = io.Copy(in, counting{out, &p.Down})
}

type counting struct {
	io.Reader
	n *atomic.Int64
}

func (c counting) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n.Add(int64(n))
	return n, err
}
