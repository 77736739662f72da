package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// engine is an image in a container engine that speaks Docker's API: Docker, or
// Podman.
type engine struct {
	text, name       string
	host, runtimeDir string // as in DOCKER_HOST, and XDG_RUNTIME_DIR
}

func (e *engine) String() string { return e.text }

// tag returns the name with its tag.
func (e *engine) tag() string { return tagged(e.name) }

// Get implements [Location]: the engine writes the archive that docker save
// does.
func (e *engine) Get(ctx context.Context) (*Image, error) {
	resp, err := e.call(ctx, http.MethodGet, (&url.URL{Path: "/images/" + e.tag() + "/get"}).EscapedPath(), nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	f, err := spool(ctx, resp.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.text, err)
	}
	t, err := indexArchive(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.text, err)
	}
	return getDocker(ctx, t, e.text, "")
}

// Put implements [Location]: the engine reads an archive as docker load does.
func (e *engine) Put(ctx context.Context, img *Image) error {
	r, w := io.Pipe()
	go func() { w.CloseWithError(writeArchive(ctx, w, img, e.tag(), true)) }()
	defer r.CloseWithError(io.ErrClosedPipe)
	resp, err := e.call(ctx, http.MethodPost, "/images/load?quiet=1", r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	for dec := json.NewDecoder(resp.Body); ; {
		var line struct{ Error string }
		switch err := dec.Decode(&line); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%s: read what the engine says: %w", e.text, err)
		case line.Error != "":
			return fmt.Errorf("%s: the engine does not take the image: %s", e.text, line.Error)
		}
	}
}

func (e *engine) call(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	client, base, err := e.client()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.text, err)
	}
	req, err := http.NewRequestWithContext(ctx, method, base+path, body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.text, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-tar")
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, oci.WithHint(oci.WithKind(fmt.Errorf("%s: ask the engine: %w", e.text, err), ErrUnreachable), "check that the engine runs, and DOCKER_HOST")
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	var answer struct{ Message string }
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if json.Unmarshal(text, &answer) != nil || answer.Message == "" {
		answer.Message = resp.Status
	}
	return nil, fmt.Errorf("%s: the engine says: %s", e.text, answer.Message)
}

// client returns a client for the engine and the address to ask.
func (e *engine) client() (*http.Client, string, error) {
	address := e.host
	if address == "" {
		address = "unix://" + e.socket()
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, "", fmt.Errorf("DOCKER_HOST: %w", err)
	}
	switch u.Scheme {
	case "unix":
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", u.Path)
		}
		return &http.Client{Transport: &http.Transport{DialContext: dial}}, "http://engine", nil
	case "tcp":
		return &http.Client{}, "http://" + u.Host, nil
	}
	return nil, "", oci.WithHint(oci.WithKind(fmt.Errorf("DOCKER_HOST=%s is not supported", address), ErrUsage), "it is unix://PATH or tcp://HOST:PORT; or pipe docker save into docker-archive:-")
}

// socket returns the first of the usual sockets that is there.
func (e *engine) socket() string {
	sockets := []string{"/var/run/docker.sock", "/run/podman/podman.sock"}
	if e.runtimeDir != "" {
		sockets = append(sockets, filepath.Join(e.runtimeDir, "docker.sock"), filepath.Join(e.runtimeDir, "podman/podman.sock"))
	}
	for _, s := range sockets {
		if _, err := os.Stat(s); err == nil {
			return s
		}
	}
	return sockets[0]
}
