//go:build e2e

package browsers

import (
	"crypto/tls"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/certgraft/certgraft/e2e/rig"
)

// packages are those of a root with browsers: 1.4 GB of it.
var packages = []string{"ca-certificates", "chromium", "chromium-headless-shell", "firefox-esr", "libnss3-tools", "p11-kit", "p11-kit-modules", "openssl"}

// profile is a profile of Firefox where install looks for some.
const profile = "/root/.mozilla/firefox/t.default"

// browsers are the commands that fetch an address, without a window.
var browsers = map[string][]string{
	"Chromium":       {"chromium", "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=/tmp/chromium", "--dump-dom"},
	"headless shell": {"chromium-headless-shell", "--no-sandbox", "--disable-gpu", "--user-data-dir=/tmp/shell", "--dump-dom"},
	"Firefox":        {"env", "MOZ_DISABLE_CONTENT_SANDBOX=1", "firefox-esr", "--headless", "--profile", profile, "--screenshot", "/tmp/firefox.png"},
}

// site is a server on loopback that notes what each client does.
type site struct {
	port  int
	calls chan bool // a client asked for a page; or it ended the handshake
}

func newSite(t *testing.T, a rig.Authority) *site {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(a.CertFile, a.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{calls: make(chan bool, 1000)}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(s, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			s.calls <- true
			fmt.Fprintln(w, "<html><body>hello</body></html>")
		}),
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	s.port = listener.Addr().(*net.TCPAddr).Port
	return s
}

// Write takes what the server says of a handshake that a client ended.
func (s *site) Write(line []byte) (int, error) {
	if strings.Contains(string(line), "remote error: tls: ") {
		s.calls <- false
	}
	return len(line), nil
}

// visit has a browser of a root fetch the page, and returns whether it trusted the
// server. The browser is ended as soon as that is known.
func (s *site) visit(t *testing.T, root, browser string) bool {
	t.Helper()
	for len(s.calls) > 0 {
		<-s.calls
	}
	_ = os.MkdirAll(filepath.Join(root, profile), 0o755)
	script := `mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" env -i PATH=/usr/bin:/bin HOME=/root LC_ALL=C "$@"`
	args := append([]string{"--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script, root}, browsers[browser]...)
	cmd := exec.Command("unshare", append(args, fmt.Sprintf("https://127.0.0.1:%d/", s.port))...)
	out := filepath.Join(t.TempDir(), "out")
	file, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = file, file
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	}()
	select {
	case trusted := <-s.calls:
		if browser == "Firefox" && trusted {
			time.Sleep(time.Second) // it writes what it took from a policy into the profile
		}
		return trusted
	case <-time.After(2 * time.Minute):
		t.Fatalf("%s asked the server for nothing:\n%s", browser, rig.Read(t, out))
		return false
	}
}

// Browsers refuse a server, accept it after install writes their policies, and refuse
// it after remove: R12. Without the store, install names each of them.
func TestR12Browsers(t *testing.T) {
	rig.Slow(t)
	root := rig.Unpack(t, rig.Tarball(t, "trixie", "browsers", packages...))
	a := rig.NewAuthority(t, "Corp")
	s := newSite(t, a)
	see := func(when string, want bool, names ...string) {
		t.Helper()
		for _, name := range names {
			if got := s.visit(t, root, name); got != want {
				t.Errorf("%s %s: trusts %v", name, when, got)
			}
		}
	}
	before := rig.Snapshot(t, filepath.Join(root, "etc"))
	see("before", false, "Chromium", "headless shell", "Firefox")
	out := rig.Run(t, rig.Certgraft, "install", "--root", root, a.CAFile)
	for _, want := range []string{"advice: Chromium (/usr/lib/chromium/chromium): it trusts the CAs that its policies name", "advice: Firefox (/usr/lib/firefox-esr/libxul.so): it", "auto,browser"} {
		if !strings.Contains(out, want) {
			t.Errorf("install does not say %q:\n%s", want, out)
		}
	}
	see("without its policy", false, "Chromium", "Firefox")

	out = rig.Run(t, rig.Certgraft, "install", "--root", root, "--stores", "auto,browser", a.CAFile)
	if strings.Contains(out, "advice: Chromium (") || strings.Contains(out, "advice: Firefox (") {
		t.Errorf("install names what trusts now:\n%s", out)
	}
	see("with its policy", true, "Chromium", "Firefox")
	see("which reads no policies", false, "headless shell")

	out = rig.Run(t, rig.Certgraft, "remove", "--root", root, "--all")
	see("after remove", false, "Chromium")
	see("with a profile that has the CA", true, "Firefox")
	list := regexp.MustCompile(`certutil -L -d sql:` + profile).FindString(out)
	take := regexp.MustCompile(`certutil -D -d sql:` + profile + ` -n NAME`).FindString(out)
	if list == "" || take == "" {
		t.Fatalf("remove does not name the profile:\n%s", out)
	}
	rig.Run(t, "mknod", "-m", "666", filepath.Join(root, "dev/urandom"), "c", "1", "9") // NSS asks it
	name := regexp.MustCompile(`(?m)^(Corp.*?)\s+\S*,\S*,\S*\s*$`).FindStringSubmatch(rig.Chroot(t, root, strings.Fields(list)...))
	if name == nil {
		t.Fatal("the profile does not have the CA")
	}
	rig.Chroot(t, root, append(strings.Fields(strings.TrimSuffix(take, "NAME")), name[1])...)
	see("without the CA in its profile", false, "Firefox")
	rig.Same(t, "after remove", before, rig.Snapshot(t, filepath.Join(root, "etc")))
}

// Where p11-kit's module stands in for NSS's, Chromium trusts what the root trusts,
// and install says that nothing need be written.
func TestR12StandIn(t *testing.T) {
	rig.Slow(t)
	root := rig.Unpack(t, rig.Tarball(t, "trixie", "browsers", packages...))
	a := rig.NewAuthority(t, "Corp")
	s := newSite(t, a)
	const module = "/usr/lib/x86_64-linux-gnu/libnssckbi.so"
	rig.Chroot(t, root, "ln", "-sf", "pkcs11/p11-kit-trust.so", module)
	if s.visit(t, root, "Chromium") {
		t.Error("Chromium trusts before")
	}
	out := rig.Run(t, rig.Certgraft, "install", "--root", root, a.CAFile)
	if !strings.Contains(out, module+" is p11-kit's module: Chromium") || strings.Contains(out, "advice: Chromium") || strings.Contains(out, "NSS of Chromium") {
		t.Errorf("install says\n%s", out)
	}
	if !s.visit(t, root, "Chromium") {
		t.Error("Chromium refuses with p11-kit's module")
	}
}
