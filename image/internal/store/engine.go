package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/hint"
)

// Engine is an image in a container engine with Docker's API: Docker or Podman.
type Engine struct {
	Text, Name string
	Env        func(name string) string // variables of the process
}

func (e *Engine) String() string { return e.Text }

// tag returns the name with its tag.
func (e *Engine) tag() string { return tagged(e.Name) }

// Get returns the image in the engine. The engine sends the archive of docker
// save.
func (e *Engine) Get(ctx context.Context) (*oci.Image, error) {
	resp, err := e.call(ctx, http.MethodGet, (&url.URL{Path: "/images/" + e.tag() + "/get"}).EscapedPath(), nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	c, err := spooled(ctx, resp.Body)
	if errors.Is(err, errNoArchive) {
		err = hint.Add(errors.New("what answers sends no archive of an image"), "check that it is a Docker or Podman engine: docker version")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Text, err)
	}
	return c.getDocker(ctx, e.Text, "")
}

// Put stores the image in the engine. The engine reads an archive as docker
// load does.
func (e *Engine) Put(ctx context.Context, img *oci.Image) error {
	load, err := newEdition(ctx, nil, img, entry{tag: e.tag(), docker: true})
	if err != nil {
		return fmt.Errorf("%s: %w", e.Text, err)
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(load.write(ctx, w)) }()
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
			return fmt.Errorf("%s: read what the engine says: %w", e.Text, err)
		case line.Error != "":
			return fmt.Errorf("%s: the engine does not take the image: %s", e.Text, line.Error)
		}
	}
}

func (e *Engine) call(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	at, err := engineEnv(e.Env).address(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Text, err)
	}
	client, base, err := at.client()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Text, err)
	}
	req, err := http.NewRequestWithContext(ctx, method, base+path, body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Text, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-tar")
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, hint.Add(oci.WithKind(fmt.Errorf("%s: ask the engine: %w", e.Text, err), oci.ErrUnreachable), "check that the engine runs; its address is from "+at.from)
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
	return nil, fmt.Errorf("%s: the engine says: %s", e.Text, answer.Message)
}
