package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/command/oci"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/input"
)

// wrapperName is the name under which this program stands in for a container
// runtime.
const wrapperName = "certgraft-runc"

// hostConfig is /etc/certgraft/host.json.
type hostConfig struct {
	Sources []string `json:"sources"` // that each container is to trust
	Runtime string   `json:"runtime"` // name or file; "" is runc
	Strict  bool     `json:"strict"`
}

const hostConfigName = "/etc/certgraft/host.json"

// wrapper stands in for a container runtime: each container that is made gets the
// hooks that have it trust.
type wrapper struct {
	p      *printer
	config string // name of the file
	exec   func(file string, args, env []string) error
}

func newWrapper(p *printer) *wrapper { return &wrapper{p, hostConfigName, syscall.Exec} }

// run becomes the runtime. args are its own, with the name of this program.
func (w *wrapper) run(ctx context.Context, args []string) error {
	config, err := w.read(ctx)
	self, failed := os.Executable()
	if failed != nil {
		return failed
	}
	runtime, failed := nextRuntime(config.Runtime, w.p.env["PATH"], self)
	if failed != nil {
		return failed
	}
	if called := oci.ParseArguments(args[1:]); called.Makes() {
		if err == nil {
			err = w.addHooks(ctx, called.Bundle, self, config)
		}
		if err != nil && config.Strict {
			return fmt.Errorf("%s: %w", wrapperName, err)
		}
		if err != nil {
			w.p.warn("the container starts without the CAs: " + err.Error())
		}
	}
	return fmt.Errorf("run %s: %w", runtime, w.exec(runtime, append([]string{runtime}, args[1:]...), w.p.env.list()))
}

func (w *wrapper) read(ctx context.Context) (config hostConfig, err error) {
	data, err := input.ReadFile(ctx, w.config)
	if err != nil {
		return config, fmt.Errorf("read what containers are to trust: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err = d.Decode(&config); err != nil {
		_ = json.Unmarshal(data, &config) // what is understood of it
		err = hint.Add(fmt.Errorf("%s: %w", w.config, err), `it is {"sources": ["/etc/certgraft/corp.pem"], "runtime": "runc", "strict": false}`)
	}
	return config, err
}

// nextRuntime returns the file of the runtime: the first of its name on PATH that
// is not this program itself.
func nextRuntime(name, path, self string) (string, error) {
	if name == "" {
		name = "runc"
	}
	us, err := os.Stat(self)
	if err != nil {
		return "", err
	}
	candidates := []string{name}
	if !filepath.IsAbs(name) {
		candidates = nil
		for _, dir := range filepath.SplitList(path) {
			candidates = append(candidates, filepath.Join(dir, name))
		}
	}
	for _, file := range candidates {
		info, err := os.Stat(file)
		if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 && !os.SameFile(info, us) {
			return file, nil
		}
	}
	return "", hint.Add(fmt.Errorf("%s: no container runtime %s is on PATH", wrapperName, name), `name it in `+hostConfigName+`: "runtime": "/usr/sbin/runc"`)
}

// addHooks writes the hooks into the configuration of the container that is about
// to be made, and variables for programs that do not read the system's bundle.
func (w *wrapper) addHooks(ctx context.Context, bundle, self string, config hostConfig) error {
	if len(config.Sources) == 0 {
		return hint.Add(fmt.Errorf("%s names no sources", w.config), `"sources": ["/etc/certgraft/corp.pem"]`)
	}
	catalogue, err := bundles.Catalog(ctx, bundles.Options{})
	if err != nil {
		return err
	}
	in, out, err := hookArguments(catalogue, slices.Clone(config.Sources), nil, config.Strict)
	if err != nil {
		return err
	}
	container, err := oci.ReadContainer(bundle)
	if err != nil {
		return err
	}
	root, err := container.Root()
	if err != nil {
		return err
	}
	if err := container.Setenv(w.variables(ctx, root, container.Environ())); err != nil {
		return err
	}
	if err := container.AddHooks(oci.Hooks{Program: self, In: in, Out: out}); err != nil {
		return err
	}
	return container.Write()
}

// variables returns those of programs in a root that do not read its bundle.
func (w *wrapper) variables(ctx context.Context, root string, env []string) (list []string) {
	at, err := w.p.openRoot(ctx, root)
	if err != nil {
		return nil // the hook will say so
	}
	defer at.close()
	found, err := installer.Environ(at.root, installer.Options{Environ: environOf(env)}, false)
	if err != nil {
		return nil // as above
	}
	for _, v := range found.Variables {
		list = append(list, v.Name+"="+v.Value)
	}
	return list
}
