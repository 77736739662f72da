package image_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/image"
)

// tlsEngine is an engine that asks for a certificate. It returns its address,
// and the directory with ca.pem, cert.pem and key.pem.
func tlsEngine(t *testing.T, archive string) (host, certs string) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/get") {
			http.ServeFile(w, r, archive)
		}
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	certs = t.TempDir()
	pair := server.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	must(t, err)
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})
	for name, data := range map[string][]byte{"ca.pem": cert, "cert.pem": cert, "key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})} {
		must(t, os.WriteFile(filepath.Join(certs, name), data, 0o600))
	}
	return "tcp://" + server.Listener.Addr().String(), certs
}

// dockerContext writes one of docker's contexts below home, with the files of a
// directory as its TLS material.
func dockerContext(t *testing.T, home, name, host, certs string) {
	t.Helper()
	id := fmt.Sprintf("%x", sha256.Sum256([]byte(name)))
	meta := filepath.Join(home, ".docker/contexts/meta", id)
	must(t, os.MkdirAll(meta, 0o700))
	must(t, os.WriteFile(filepath.Join(meta, "meta.json"), fmt.Appendf(nil, `{"Name":%q,"Metadata":{},"Endpoints":{"docker":{"Host":%q,"SkipTLSVerify":false}}}`, name, host), 0o600))
	if certs != "" {
		dir := filepath.Join(home, ".docker/contexts/tls", id, "docker")
		must(t, os.MkdirAll(filepath.Dir(dir), 0o700))
		must(t, os.CopyFS(dir, os.DirFS(certs)))
	}
}

// The engine is found as docker finds it.
func TestI5EngineByTLSAndContext(t *testing.T) {
	archive := docker(t, []string{"team/app:1"}, base(t)...)
	host, certs := tlsEngine(t, archive)
	socket, _ := fakeEngine(t, archive)
	home := t.TempDir()
	dockerContext(t, home, "far", host, certs)
	dockerContext(t, home, "near", "unix://"+socket, "")
	current := filepath.Join(home, "current")
	must(t, os.CopyFS(current, os.DirFS(filepath.Join(home, ".docker"))))
	must(t, os.WriteFile(filepath.Join(current, "config.json"), []byte(`{"currentContext":"near"}`), 0o600))
	noKey := t.TempDir()
	must(t, os.CopyFS(noKey, os.DirFS(certs)))
	must(t, os.Remove(filepath.Join(noKey, "key.pem")))
	for what, c := range map[string]struct {
		env  map[string]string
		want string
	}{
		"TLS":                        {map[string]string{"DOCKER_HOST": host, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": certs}, ""},
		"TLS, not verified":          {map[string]string{"DOCKER_HOST": host, "DOCKER_TLS": "1", "DOCKER_CERT_PATH": certs}, ""},
		"a context":                  {map[string]string{"DOCKER_CONTEXT": "far"}, ""},
		"a context of a socket":      {map[string]string{"DOCKER_CONTEXT": "near"}, ""},
		"the current context":        {map[string]string{"DOCKER_CONFIG": current}, ""},
		"DOCKER_HOST before that":    {map[string]string{"DOCKER_HOST": "unix://" + socket, "DOCKER_CONTEXT": "far"}, ""},
		"no such context":            {map[string]string{"DOCKER_CONTEXT": "gone"}, `docker has no context "gone"`},
		"no key":                     {map[string]string{"DOCKER_HOST": host, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": noKey}, "DOCKER_CERT_PATH: read the certificate for the engine: open " + noKey + "/key.pem"},
		"no directory":               {map[string]string{"DOCKER_HOST": host, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": noKey + "/x"}, "DOCKER_CERT_PATH: stat " + noKey + "/x"},
		"a CA that did not issue it": {map[string]string{"DOCKER_HOST": host, "DOCKER_TLS_VERIFY": "1"}, "certificate"},
		"a password in the address":  {map[string]string{"DOCKER_HOST": "ssh://ann:s3cret@host"}, "ssh://host is not supported"},
		"no address":                 {map[string]string{"DOCKER_HOST": "tcp://ann:s3%cret@host"}, "DOCKER_HOST is no URL"},
	} {
		t.Run(what, func(t *testing.T) {
			env := func(name string) string {
				if name == "HOME" {
					return home
				}
				return c.env[name]
			}
			at, err := (&image.Locations{Env: env}).Parse("docker-daemon:team/app:1")
			must(t, err)
			if _, err = at.Get(t.Context()); (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "cret")) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
