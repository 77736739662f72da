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

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/web"
)

// engineAddress is where an engine listens, and how it is spoken to.
type engineAddress struct {
	from string // that says so: a variable or a context
	host string // unix://PATH or tcp://HOST:PORT
	tls  *tls.Config
}

// address finds the engine as docker does: DOCKER_HOST, then the context that
// DOCKER_CONTEXT or config.json names, then the usual sockets.
func (e *Engine) address() (engineAddress, error) {
	if host := e.Env("DOCKER_HOST"); host != "" {
		config, err := e.envTLS()
		return engineAddress{"DOCKER_HOST", host, config}, err
	}
	name, err := e.contextName()
	if err != nil {
		return engineAddress{}, err
	}
	if name == "" || name == "default" {
		return engineAddress{from: "the usual sockets", host: "unix://" + e.socket()}, nil
	}
	return e.context(name)
}

// dockerDir returns the directory of docker's own settings.
func (e *Engine) dockerDir() string {
	if dir := e.Env("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	return filepath.Join(e.Env("HOME"), ".docker")
}

// envTLS returns what DOCKER_TLS_VERIFY and DOCKER_CERT_PATH ask for, or nil.
func (e *Engine) envTLS() (*tls.Config, error) {
	verify := e.Env("DOCKER_TLS_VERIFY") != ""
	if !verify && e.Env("DOCKER_TLS") == "" {
		return nil, nil
	}
	dir, from := e.Env("DOCKER_CERT_PATH"), "DOCKER_CERT_PATH"
	if dir == "" {
		dir, from = e.dockerDir(), "DOCKER_TLS_VERIFY"
	} else if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("DOCKER_CERT_PATH: %w", err)
	}
	config, _, err := engineTLS(dir, verify)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	return config, nil
}

// engineTLS reads the CA of the engine and the certificate of the user, where they
// are.
func engineTLS(dir string, verify bool) (config *tls.Config, any bool, err error) {
	config = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: !verify} //nolint:gosec // the user asked docker for it
	ca, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
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
func (e *Engine) contextName() (string, error) {
	if name := e.Env("DOCKER_CONTEXT"); name != "" {
		return name, nil
	}
	file := filepath.Join(e.dockerDir(), "config.json")
	data, err := os.ReadFile(file)
	if err != nil { // there are no contexts
		return "", nil
	}
	var config struct{ CurrentContext string }
	if json.Unmarshal(data, &config) != nil { // the error might quote a password
		return "", fmt.Errorf("%s is no JSON", file)
	}
	return config.CurrentContext, nil
}

// context reads one of docker's contexts: a directory that is named by the digest
// of its name.
func (e *Engine) context(name string) (engineAddress, error) {
	dir, id := filepath.Join(e.dockerDir(), "contexts"), fmt.Sprintf("%x", sha256.Sum256([]byte(name)))
	file := filepath.Join(dir, "meta", id, "meta.json")
	data, err := os.ReadFile(file)
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
		at.host = "unix://" + e.socket()
	}
	config, any, err := engineTLS(filepath.Join(dir, "tls", id, "docker"), !endpoint.SkipTLSVerify)
	if err != nil {
		return at, fmt.Errorf("%s: %w", at.from, err)
	}
	if any || endpoint.SkipTLSVerify {
		at.tls = config
	}
	return at, nil
}

// client returns a client for the engine and the address to ask.
func (at engineAddress) client() (*http.Client, string, error) {
	u, err := url.Parse(at.host)
	if err != nil { // which quotes all of it, and there may be a password
		return nil, "", oci.WithKind(fmt.Errorf("%s is no URL", at.from), oci.ErrUsage)
	}
	dialer := &net.Dialer{Timeout: dialTime}
	t := &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: at.tls, TLSHandshakeTimeout: dialTime, Proxy: http.ProxyFromEnvironment}
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
