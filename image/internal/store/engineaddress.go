package store

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/input"
	"github.com/certgraft/certgraft/internal/web"
)

// engineAddress is the address of an engine, and how to connect to it.
type engineAddress struct {
	from string // the variable or context that names it
	host string // unix://PATH or tcp://HOST:PORT
	tls  *tls.Config
}

// engineEnv returns the variables of a process that locate an engine.
type engineEnv func(name string) string

// address finds the engine as docker does: DOCKER_HOST, then the context that
// DOCKER_CONTEXT or config.json names, then the usual sockets.
func (env engineEnv) address(ctx context.Context) (engineAddress, error) {
	if host := env("DOCKER_HOST"); host != "" {
		config, err := env.tls(ctx)
		return engineAddress{"DOCKER_HOST", host, config}, err
	}
	name, err := env.contextName(ctx)
	if err != nil {
		return engineAddress{}, err
	}
	if name == "" || name == "default" {
		return engineAddress{from: "the usual sockets", host: "unix://" + env.socket()}, nil
	}
	return env.context(ctx, name)
}

// dockerDir returns the directory of docker's own settings.
func (env engineEnv) dockerDir() string {
	if dir := env("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	return filepath.Join(env("HOME"), ".docker")
}

// tls returns the TLS settings from DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, or
// nil.
func (env engineEnv) tls(ctx context.Context) (*tls.Config, error) {
	verify := env("DOCKER_TLS_VERIFY") != ""
	if !verify && env("DOCKER_TLS") == "" {
		return nil, nil
	}
	dir, from := env("DOCKER_CERT_PATH"), "DOCKER_CERT_PATH"
	if dir == "" {
		dir, from = env.dockerDir(), "DOCKER_TLS_VERIFY"
	} else if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("DOCKER_CERT_PATH: %w", err)
	}
	config, _, err := engineTLS(ctx, dir, verify)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	return config, nil
}

// engineTLS reads the CA of the engine and the certificate of the user, if they
// exist.
func engineTLS(ctx context.Context, dir string, verify bool) (config *tls.Config, any bool, err error) {
	config = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: !verify} //nolint:gosec // the user asked docker for it
	ca, err := input.ReadFile(ctx, filepath.Join(dir, "ca.pem"))
	switch {
	case err == nil:
		config.RootCAs, any = x509.NewCertPool(), true
		if !config.RootCAs.AppendCertsFromPEM(ca) {
			return nil, false, fmt.Errorf("%s has no PEM certificate", filepath.Join(dir, "ca.pem"))
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, false, err
	}
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if isAbsent(cert) && isAbsent(key) {
		return config, any, nil
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, false, hint.Add(fmt.Errorf("read the certificate for the engine: %w", err), "put ca.pem, cert.pem and key.pem into "+dir)
	}
	config.Certificates = []tls.Certificate{pair}
	return config, true, nil
}

func isAbsent(name string) bool {
	_, err := os.Stat(name)
	return errors.Is(err, fs.ErrNotExist)
}

// contextName returns the name of docker's context, or "".
func (env engineEnv) contextName(ctx context.Context) (string, error) {
	if name := env("DOCKER_CONTEXT"); name != "" {
		return name, nil
	}
	file := filepath.Join(env.dockerDir(), "config.json")
	data, err := input.ReadFile(ctx, file)
	if err != nil { // no context exists
		return "", nil
	}
	var config struct{ CurrentContext string }
	if json.Unmarshal(data, &config) != nil { // the JSON error might quote a password
		return "", fmt.Errorf("%s is no JSON", file)
	}
	return config.CurrentContext, nil
}

// context reads one of docker's contexts: a directory named by the digest of
// the context's name.
func (env engineEnv) context(ctx context.Context, name string) (engineAddress, error) {
	dir, id := filepath.Join(env.dockerDir(), "contexts"), fmt.Sprintf("%x", sha256.Sum256([]byte(name)))
	file := filepath.Join(dir, "meta", id, "meta.json")
	data, err := input.ReadFile(ctx, file)
	if errors.Is(err, fs.ErrNotExist) {
		return engineAddress{}, hint.Add(oci.WithKind(fmt.Errorf("docker has no context %q", name), oci.ErrUsage), "docker context ls shows which there are; DOCKER_CONTEXT and docker context use choose one")
	}
	if err != nil {
		return engineAddress{}, fmt.Errorf("docker context %q: %w", name, err)
	}
	var meta struct {
		Endpoints map[string]struct {
			Host          string
			SkipTLSVerify bool
		}
	}
	if err := json.Unmarshal(data, &meta); err != nil {
		return engineAddress{}, fmt.Errorf("docker context %q: read %s: %w", name, file, err)
	}
	endpoint := meta.Endpoints["docker"]
	at := engineAddress{from: fmt.Sprintf("docker context %q", name), host: endpoint.Host}
	if at.host == "" {
		at.host = "unix://" + env.socket()
	}
	config, any, err := engineTLS(ctx, filepath.Join(dir, "tls", id, "docker"), !endpoint.SkipTLSVerify)
	if err != nil {
		return at, fmt.Errorf("%s: %w", at.from, err)
	}
	if any || endpoint.SkipTLSVerify {
		at.tls = config
	}
	return at, nil
}

// client returns a client for the engine, and the base URL of requests.
func (at engineAddress) client() (*http.Client, string, error) {
	u, err := url.Parse(at.host)
	if err != nil { // the error quotes all of it, maybe with a password
		return nil, "", oci.WithKind(fmt.Errorf("%s is no URL", at.from), oci.ErrUsage)
	}
	dialer := &net.Dialer{Timeout: dialTime}
	t := &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: at.tls, TLSHandshakeTimeout: dialTime, Proxy: web.Proxy}
	switch {
	case u.Scheme == "unix":
		t.Proxy = nil
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", u.Path)
		}
		return &http.Client{Transport: t}, "http://engine", nil
	case u.Scheme == "tcp" && u.Hostname() != "":
		scheme, port := "http", "2375"
		if at.tls != nil {
			scheme, port = "https", "2376"
		}
		if u.Port() == "" {
			u.Host = net.JoinHostPort(u.Hostname(), port)
		}
		return &http.Client{Transport: t}, scheme + "://" + u.Host, nil
	}
	return nil, "", hint.Add(oci.WithKind(fmt.Errorf("%s: %s is not supported", at.from, web.Redact(at.host)), oci.ErrUsage), "it is unix://PATH or tcp://HOST:PORT; or pipe docker save into docker-archive:-")
}

// dialTime is the limit for a connection.
const dialTime = 30 * time.Second

// socket returns the first of the usual sockets that exists.
func (env engineEnv) socket() string {
	sockets := []string{"/var/run/docker.sock", "/run/podman/podman.sock"}
	if dir := env("XDG_RUNTIME_DIR"); dir != "" {
		sockets = append(sockets, filepath.Join(dir, "docker.sock"), filepath.Join(dir, "podman/podman.sock"))
	}
	for _, s := range sockets {
		if _, err := os.Stat(s); err == nil {
			return s
		}
	}
	return sockets[0]
}
