//go:build e2e

package e2e

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// distribution is a registry, of Debian's package, on loopback.
type distribution struct {
	host string // with the port
	dir  string // with config.json, where there is a password
}

// startRegistry runs a registry until the test ends: in plain http, or with the
// certificate of a and a password.
func startRegistry(t *testing.T, a *authority) distribution {
	t.Helper()
	return startProgram(t, a, "docker-registry")
}

// startProgram is startRegistry for another version.
func startProgram(t *testing.T, a *authority, program string) distribution {
	t.Helper()
	dir, port := t.TempDir(), freePort(t)
	config := fmt.Sprintf("version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: %s/data\nhttp:\n  addr: 127.0.0.1:%d\n", dir, port)
	r := distribution{host: fmt.Sprintf("127.0.0.1:%d", port), dir: dir}
	if a != nil {
		r.host = fmt.Sprintf("localhost:%d", port)
		password := run(t, "htpasswd", "-nbB", "ci", "secret")
		config += fmt.Sprintf("  tls:\n    certificate: %s\n    key: %s\nauth:\n  htpasswd:\n    realm: test\n    path: %s\n", a.certFile, a.keyFile, write(t, filepath.Join(dir, "htpasswd"), password))
		auth := base64.StdEncoding.EncodeToString([]byte("ci:secret"))
		write(t, filepath.Join(dir, "config.json"), fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, r.host, auth))
	}
	cmd := exec.Command(program, "serve", write(t, filepath.Join(dir, "config.yml"), config))
	cmd.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none") // it would send them somewhere
	background(t, cmd, func() bool {
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/v2/", port))
		if err == nil {
			resp.Body.Close()
		}
		return err == nil
	})
	return r
}

// pushImage puts an image of the engine into the registry.
func (r distribution) pushImage(t *testing.T, image, ref string) string {
	t.Helper()
	ref = r.host + "/" + ref
	docker(t, "tag", image, ref)
	docker(t, "push", "-q", ref)
	return ref
}

// patch runs certgraft patch and returns the one name that it prints.
func patch(t *testing.T, args ...string) string {
	t.Helper()
	out := run(t, "sh", append([]string{"-c", `exec "$0" patch --quiet "$@"`, certgraft}, args...)...)
	name := strings.TrimSpace(out)
	if strings.ContainsAny(name, " \n") {
		t.Fatalf("not one name: %q", out)
	}
	return name
}
