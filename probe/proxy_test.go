package probe

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"
)

// proxied is the report on a server behind a proxy with this answer.
func proxied(t *testing.T, answer string, trusted *authority, leaf *authority) (*Report, string) {
	t.Helper()
	asked := ""
	opt := serving(t, func(c net.Conn) {
		one := make([]byte, 1)
		for !strings.HasSuffix(asked, "\r\n\r\n") {
			if _, err := io.ReadFull(c, one); err != nil {
				t.Error(err)
				return
			}
			asked += string(one)
		}
		if script(answer)(c) != nil {
			return
		}
		over := tls.Server(c, tlsConfig(leaf))
		_ = over.Handshake()
		_, _ = io.Copy(io.Discard, over)
	})
	opt.Proxy = &url.URL{Scheme: "http", Host: "127.0.0.1:3128", User: url.UserPassword("me", "secret")}
	target, err := ParseTarget("db.test", "")
	if err != nil {
		t.Fatal(err)
	}
	return judged(Connect(t.Context(), target, opt), Circumstances{Trust: trusting(t, trusted)}), asked
}

func TestProxy(t *testing.T) {
	root := newRoot(t, "Root")
	leaf := root.leaf(t)
	report, asked := proxied(t, "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n", root, leaf)
	if report.Verdict.Status != Trusted || report.Address != "127.0.0.1:3128" {
		t.Errorf("%+v", report.Verdict)
	}
	if want := "CONNECT db.test:443 HTTP/1.1\r\nHost: db.test:443\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n"; asked != want {
		t.Errorf("asked %q, want %q", asked, want)
	}
	for answer, word := range map[string]string{
		"HTTP/1.1 407 no\r\n\r\n":        "password",
		"HTTP/1.1 403 Forbidden\r\n\r\n": "status 403",
		"220 mail\r\n\r\n":               "not HTTP",
	} {
		report, _ := proxied(t, answer, root, leaf)
		if v := report.Verdict; v.Cause != ProxyRefused || v.Status != Undecided || !strings.Contains(v.Text, word) || strings.Contains(v.Text, "secret") {
			t.Errorf("%q: %+v", answer, v)
		}
	}
}

// A closed proxy is not mistaken for a closed server.
func TestProxyThatIsClosed(t *testing.T) {
	target, err := ParseTarget("db.test", "")
	if err != nil {
		t.Fatal(err)
	}
	refused := func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
	report := judged(Connect(t.Context(), target, Options{Proxy: &url.URL{Scheme: "http", Host: "127.0.0.1:3128"}, Dial: refused}), Circumstances{})
	if v := report.Verdict; v.Cause != ProxyRefused || !strings.HasPrefix(v.Text, "no connection to the proxy 127.0.0.1:3128 (refused") || !strings.Contains(v.Cure, "--proxy none") {
		t.Errorf("%+v", v)
	}
	if detail := report.Steps[0].Detail; detail != "127.0.0.1 is an address" {
		t.Errorf("resolve: %s", detail)
	}
}
