//go:build e2e

package verify

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/roottest"
)

// tinyproxy runs a proxy on loopback until the test ends, behind a command that
// runs another, and returns its URL without the scheme.
func tinyproxy(t *testing.T, wrap []string, settings ...string) string {
	t.Helper()
	dir, port := t.TempDir(), rig.FreePort(t)
	lines := append([]string{fmt.Sprintf("Port %d", port), "Listen 127.0.0.1", "Timeout 60", "LogLevel Error"}, settings...)
	line := slices.Concat(wrap, []string{"tinyproxy", "-d", "-c", rig.Write(t, filepath.Join(dir, "conf"), strings.Join(lines, "\n")+"\n")})
	cmd := exec.Command(line[0], line[1:]...)
	rig.Background(t, cmd, rig.Listens(port))
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// TestVerifyThroughProxy has a real proxy connect to servers whose names only
// the proxy knows.
func TestVerifyThroughProxy(t *testing.T) {
	a := rig.NewAuthority(t, "Corp Root", "db.test", "localhost", "127.0.0.1")
	names := withHosts(t, "127.0.0.1 localhost db.test\n")
	open := tinyproxy(t, names)
	locked := tinyproxy(t, names, "BasicAuth me secret")
	narrow := tinyproxy(t, names, "ConnectPort 1")
	https, db := rig.TLSServer(t, a), rig.Postgres(t, a)
	closed, err := net.ResolveTCPAddr("tcp", roottest.ClosedPort(t))
	if err != nil {
		t.Fatal(err)
	}
	stranger := rig.NewAuthority(t, "Some Other Root").CAFile
	for _, x := range []struct {
		name, proxy, ca, server, starttls string
		port, status                      int
		cause, says                       string
	}{
		{name: "trusted", proxy: open, port: https},
		{name: "unknown CA", proxy: open, ca: stranger, port: https, status: 5, cause: "unknown-issuer"},
		{name: "wrong name", proxy: open, server: "other.test", port: https, status: 5, cause: "wrong-name"},
		{name: "STARTTLS", proxy: open, starttls: "postgres", port: db},
		{name: "STARTTLS, unknown CA", proxy: open, ca: stranger, starttls: "postgres", port: db, status: 5, cause: "unknown-issuer"},
		{name: "with a password", proxy: "me:secret@" + locked, port: https},
		{name: "without a password", proxy: locked, port: https, status: 1, cause: "proxy", says: "wants a password"},
		{name: "with a wrong password", proxy: "me:guess@" + locked, port: https, status: 1, cause: "proxy"},
		{name: "a port that is not allowed", proxy: narrow, port: https, status: 1, cause: "proxy", says: "status 403"},
		{name: "nothing listens behind it", proxy: open, port: closed.Port, status: 1, cause: "proxy", says: "refuses to connect"},
		{name: "no proxy there", proxy: closed.String(), port: https, status: 1, cause: "proxy", says: "no connection to the proxy"},
	} {
		t.Run(x.name, func(t *testing.T) {
			args := []string{"--only", "--with", a.CAFile, "--proxy", "http://" + x.proxy}
			if x.ca != "" {
				args[2] = x.ca
			}
			if x.starttls != "" {
				args = append(args, "--starttls", x.starttls)
			}
			if x.server != "" {
				args = append(args, "--servername", x.server)
			}
			v := verify(t, x.status, append(args, fmt.Sprintf("db.test:%d", x.port))...)
			if v.Verdict.Cause != x.cause || !strings.Contains(v.Verdict.Text, x.says) || strings.Contains(fmt.Sprint(v), "secret") {
				t.Errorf("%+v", v)
			}
			if x.status != 1 && !strings.Contains(v.step("connect"), fmt.Sprintf("the proxy, which connects to db.test:%d", x.port)) {
				t.Errorf("it is not said that there is a proxy: %+v", v.Steps)
			}
		})
	}
}

// TestVerifyProxyOfTheEnvironment shows that it is used as curl uses it: for
// HTTPS, and not for what NO_PROXY names.
func TestVerifyProxyOfTheEnvironment(t *testing.T) {
	a := rig.NewAuthority(t, "Corp Root", "db.test")
	names := withHosts(t, "127.0.0.1 localhost db.test\n")
	proxy := tinyproxy(t, names)
	address := fmt.Sprintf("db.test:%d", rig.TLSServer(t, a))
	for _, x := range []struct {
		env     []string
		args    []string
		through bool
	}{
		{[]string{"HTTPS_PROXY=http://" + proxy}, nil, true},
		{[]string{"https_proxy=http://" + proxy}, nil, true},
		{[]string{"HTTPS_PROXY=http://" + proxy, "NO_PROXY=db.test"}, nil, false},
		{[]string{"HTTPS_PROXY=http://" + proxy}, []string{"--proxy", "none"}, false},
		{[]string{"HTTP_PROXY=http://" + proxy}, nil, false},
	} {
		env := slices.Concat(names, []string{"env"}, x.env)
		v := verifyIn(t, env, 0, slices.Concat([]string{"--only", "--with", a.CAFile}, x.args, []string{address})...)
		if through := strings.Contains(v.step("connect"), "the proxy"); through != x.through {
			t.Errorf("%q %q: through the proxy %v, want %v", x.env, x.args, through, x.through)
		}
		out := rig.Run(t, env[0], append(env[1:], slices.Concat([]string{"curl", "-sv", "--cacert", a.CAFile}, curlProxy(x.args), []string{"https://" + address + "/"})...)...)
		if through := strings.Contains(out, "CONNECT"); through != x.through {
			t.Errorf("curl, %q %q: through the proxy %v, and certgraft %v", x.env, x.args, through, x.through)
		}
	}
}

// curlProxy returns curl's words for ours.
func curlProxy(args []string) []string {
	if len(args) == 0 {
		return nil
	}
	return []string{"--noproxy", "*"}
}

func TestVerifyIPv6(t *testing.T) {
	if c, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skip("this machine has no IPv6: ", err)
	} else {
		c.Close()
	}
	a := rig.NewAuthority(t, "Corp Root", "localhost", "::1")
	port := rig.TLSServerAt(t, a, "::1")
	names := withHosts(t, "127.0.0.1 localhost\n::1 localhost\n")
	for _, x := range []struct {
		args   []string
		status int
		cause  string
	}{
		{args: []string{fmt.Sprintf("[::1]:%d", port)}},
		{args: []string{fmt.Sprintf("https://[::1]:%d/path", port)}},
		{args: []string{"-6", fmt.Sprintf("localhost:%d", port)}},
		{args: []string{fmt.Sprintf("localhost:%d", port)}},
		{args: []string{"-4", fmt.Sprintf("localhost:%d", port)}, status: 1, cause: "port-closed"},
		{args: []string{"-4", fmt.Sprintf("[::1]:%d", port)}, status: 1, cause: "port-closed"},
		{args: []string{"--servername", "::2", fmt.Sprintf("[::1]:%d", port)}, status: 5, cause: "wrong-name"},
	} {
		v := verifyIn(t, names, x.status, slices.Concat([]string{"--only", "--with", a.CAFile}, x.args)...)
		if v.Verdict.Cause != x.cause {
			t.Errorf("%q: %+v", x.args, v.Verdict)
		}
		if x.status == 0 && !strings.Contains(v.step("connect"), "[::1]:") {
			t.Errorf("%q: %+v", x.args, v.Steps)
		}
	}
}

// TestVerifyTriesEveryAddress has a name with an address that refuses, one that
// does not answer, and one where the server is.
func TestVerifyTriesEveryAddress(t *testing.T) {
	a := rig.NewAuthority(t, "Corp Root", "db.test")
	port := rig.TLSServerAt(t, a, "127.0.0.4")
	silent(t, [4]byte{127, 0, 0, 3}, port)
	names := withHosts(t, "127.0.0.2 db.test\n127.0.0.3 db.test\n127.0.0.4 db.test\n127.0.0.2 gone.test\n127.0.0.3 gone.test\n")
	v := verifyIn(t, names, 0, "--only", "--with", a.CAFile, "--timeout", "8s", fmt.Sprintf("db.test:%d", port))
	if got := v.step("resolve"); got != "127.0.0.2, 127.0.0.3, 127.0.0.4" {
		t.Errorf("resolved to %s", got)
	}
	got := v.step("connect")
	for _, want := range []string{
		fmt.Sprintf("127.0.0.4:%d in", port), fmt.Sprintf("not 127.0.0.2:%d (refused", port), fmt.Sprintf("not 127.0.0.3:%d (no answer", port),
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	v = verifyIn(t, names, 1, "--only", "--with", a.CAFile, "--timeout", "4s", fmt.Sprintf("gone.test:%d", port))
	if v.Verdict.Cause != "port-closed" || !strings.Contains(v.Verdict.Text, "refused") || !strings.Contains(v.Verdict.Text, "no answer") {
		t.Errorf("%+v", v.Verdict)
	}
	v = verifyIn(t, names, 1, "--only", "--with", a.CAFile, "nowhere.test")
	if v.Verdict.Cause != "name-unresolved" {
		t.Errorf("%+v", v.Verdict)
	}
}

// silent has an address drop what asks for a connection, until the test ends:
// the queue of what listens there is full.
func silent(t *testing.T, ip [4]byte, port int) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Port: port, Addr: ip}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort(net.IP(ip[:]).String(), strconv.Itoa(port))
	for range 10 {
		c, err := net.DialTimeout("tcp", address, 2*time.Second)
		if err == nil {
			t.Cleanup(func() { c.Close() })
		} else if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() { // there are two such errors, one for each clock
			return
		}
	}
	t.Fatalf("%s takes every connection", address)
}
