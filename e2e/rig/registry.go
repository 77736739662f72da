//go:build e2e

package rig

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

// Registry is a registry, of Debian's package, on loopback.
type Registry struct {
	Host string // with the port
	Dir  string // with data, and config.json where there is a password
}

// StartRegistry runs a registry until the test ends: in plain http, or with the
// certificate of a and a password.
func StartRegistry(t *testing.T, a *Authority) Registry {
	t.Helper()
	return StartRegistryProgram(t, a, "docker-registry")
}

// StartRegistryProgram is StartRegistry for another version.
func StartRegistryProgram(t *testing.T, a *Authority, program string) Registry {
	t.Helper()
	dir, port := t.TempDir(), FreePort(t)
	config := fmt.Sprintf("version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: %s/data\nhttp:\n  addr: 127.0.0.1:%d\n", dir, port)
	r := Registry{Host: fmt.Sprintf("127.0.0.1:%d", port), Dir: dir}
	if a != nil {
		r.Host = fmt.Sprintf("localhost:%d", port)
		password := Run(t, "htpasswd", "-nbB", "ci", "secret")
		config += fmt.Sprintf("  tls:\n    certificate: %s\n    key: %s\nauth:\n  htpasswd:\n    realm: test\n    path: %s\n", a.CertFile, a.KeyFile, Write(t, filepath.Join(dir, "htpasswd"), password))
		auth := base64.StdEncoding.EncodeToString([]byte("ci:secret"))
		Write(t, filepath.Join(dir, "config.json"), fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, r.Host, auth))
	}
	cmd := exec.Command(program, "serve", Write(t, filepath.Join(dir, "config.yml"), config))
	cmd.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none") // it would send them somewhere
	Background(t, cmd, func() bool {
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/v2/", port))
		if err == nil {
			resp.Body.Close()
		}
		return err == nil
	})
	return r
}

// Blob returns a manifest, a configuration or a layer that it has.
func (r Registry) Blob(t *testing.T, digest string) string {
	t.Helper()
	_, hex, _ := strings.Cut(digest, ":")
	return Read(t, filepath.Join(r.Dir, "data/docker/registry/v2/blobs/sha256", hex[:2], hex, "data"))
}

// PushImage puts an image of the engine into the registry.
func (r Registry) PushImage(t *testing.T, image, ref string) string {
	t.Helper()
	ref = r.Host + "/" + ref
	Docker(t, "tag", image, ref)
	Docker(t, "push", "-q", ref)
	return ref
}
