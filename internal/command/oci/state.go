// Package oci reads and writes the documents that container runtimes and certgraft
// exchange: the state that a hook gets, the configuration of a container, and the
// description of a device with hooks.
//
// A hook starts with [ReadState] and [State.Container]. The wrapper of a runtime
// starts with [ParseArguments] and [Container.AddHooks]. A device starts with
// [Device.Encode].
package oci

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// mostJSON is the size limit of a document, 16 MiB. A usual configuration has a
// few KiB.
const mostJSON = 16 << 20

// State is the message of a runtime to a hook, on standard input. See
// https://github.com/opencontainers/runtime-spec/blob/main/runtime.md#state.
type State struct {
	ID     string `json:"id"`
	PID    int    `json:"pid"` // of the first process, while it lives
	Bundle string `json:"bundle"`
}

// ReadState reads the state of a container.
func ReadState(r io.Reader) (State, error) {
	var s State
	data, err := io.ReadAll(io.LimitReader(r, mostJSON))
	if err != nil {
		return s, fmt.Errorf("read the state of the container: %w", err)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("the state of the container on standard input: %w", err)
	}
	if s.ID == "" || s.ID == "." || s.ID == ".." || strings.ContainsRune(s.ID, '/') {
		return s, fmt.Errorf("the state of the container on standard input has the id %q", s.ID)
	}
	return s, nil
}

// Container reads the configuration of the container.
func (s State) Container() (*Container, error) { return ReadContainer(s.Bundle) }

// Container is the bundle from which a runtime makes a container.
type Container struct {
	bundle string
	all    map[string]json.RawMessage // of config.json
}

const configName = "config.json"

// ReadContainer reads the configuration in a bundle's directory.
func ReadContainer(bundle string) (*Container, error) {
	data, err := fs.ReadFile(os.DirFS(bundle), configName)
	if err != nil {
		return nil, fmt.Errorf("read the configuration of the container: %w", err)
	}
	c := &Container{bundle: bundle}
	if err := json.Unmarshal(data, &c.all); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(bundle, configName), err)
	}
	return c, nil
}

// Root returns the directory of the container's root.
func (c *Container) Root() (string, error) {
	var root struct{ Path string }
	if err := json.Unmarshal(c.all["root"], &root); err != nil || root.Path == "" {
		return "", errors.New("the configuration of the container names no root")
	}
	if filepath.IsAbs(root.Path) {
		return root.Path, nil
	}
	return filepath.Join(c.bundle, root.Path), nil
}

// Environ returns the environment of the container's first process.
func (c *Container) Environ() []string {
	var process struct{ Env []string }
	_ = json.Unmarshal(c.all["process"], &process) // the process may still be missing
	return process.Env
}

// Setenv adds variables, each NAME=VALUE, to the environment of the container's
// first process. A variable that is already set keeps its value.
func (c *Container) Setenv(variables []string) error {
	var process map[string]json.RawMessage
	if json.Unmarshal(c.all["process"], &process) != nil || process == nil {
		return nil //nolint:nilerr // without a process no environment exists
	}
	env := c.Environ()
	set := map[string]bool{}
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		set[name] = true
	}
	for _, kv := range variables {
		if name, _, _ := strings.Cut(kv, "="); !set[name] {
			env = append(env, kv)
		}
	}
	return put(c.all, "process", process, "env", env)
}

// put sets a field of an inner object.
func put(all map[string]json.RawMessage, outer string, member map[string]json.RawMessage, name string, value any) (err error) {
	if member[name], err = json.Marshal(value); err == nil {
		all[outer], err = json.Marshal(member)
	}
	return err
}
