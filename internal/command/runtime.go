package command

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/command/oci"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/input"
)

// wrapperName is the usual name of the wrapper.
const wrapperName = wrapperPrefix + "runc"

const wrapperPrefix = "certgraft-"

// wrapped returns the runtime that this program replaces under a name, or "". Some
// engines cannot be told the name of their runtime, as the builder in a Docker
// engine. They take the first file of that name on PATH.
func wrapped(name string) string {
	runtime := strings.TrimPrefix(filepath.Base(name), wrapperPrefix)
	if slices.Contains([]string{"runc", "crun", "buildkit-runc"}, runtime) {
		return runtime
	}
	return ""
}

// hostConfig is /etc/certgraft/host.json.
type hostConfig struct {
	Sources []string `json:"sources"` // of the CAs for each container
	Runtime string   `json:"runtime"` // name or file; "" is the replaced runtime
	Strict  bool     `json:"strict"`
}

const hostExample = `it is {"sources": ["/etc/certgraft/corp.pem"], "runtime": "runc", "strict": false}`

const hostConfigName = "/etc/certgraft/host.json"

// wrapper replaces a container runtime. Each container that it makes gets the
// hooks that install the CAs.
type wrapper struct {
	p      *printer
	config string // name of the file
	state  string // directory of hook.log
	turn   string // number of this process
	exec   func(file string, args, env []string) error
}

func newWrapper(p *printer) *wrapper {
	return &wrapper{p, hostConfigName, ownState(), strconv.Itoa(os.Getpid()), syscall.Exec}
}

// run turns this process into the runtime. args are the arguments of the runtime,
// after the name of this program. An error goes to the log of the runtime too,
// because engines show nothing else.
func (w *wrapper) run(ctx context.Context, args []string) error {
	called := oci.ParseArguments(args[1:])
	err := w.become(ctx, called, args)
	text := strings.Join(append([]string{err.Error()}, hint.Of(err)...), ": ")
	if failed := called.Log.Error(time.Now(), text); failed != nil {
		w.p.log().Debug("the runtime's log was not written", "error", failed)
	}
	return err
}

func (w *wrapper) become(ctx context.Context, called oci.Arguments, args []string) error {
	config, unread := w.read(ctx)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if w.p.env[wrapperTurn] == w.turn {
		return hint.Add(fmt.Errorf("%s: %s is a certgraft too, not a container runtime", wrapperName, args[0]), nameRuntime)
	}
	runtime, err := nextRuntime(cmp.Or(config.Runtime, wrapped(args[0])), w.p.env["PATH"], self)
	if err != nil {
		return err
	}
	if called.Makes() {
		if err := w.prepare(ctx, called.Bundle, self, config, unread); err != nil {
			return err
		}
	}
	env := maps.Clone(w.p.env)
	env[wrapperTurn] = w.turn
	return fmt.Errorf("run %s: %w", runtime, w.exec(runtime, append([]string{runtime}, args[1:]...), env.list()))
}

// prepare adds the hooks to a new container. After an error the container starts
// without CAs, unless host.json is strict.
func (w *wrapper) prepare(ctx context.Context, bundle, self string, config hostConfig, unread error) error {
	err := unread
	if err == nil {
		err = w.addHooks(ctx, bundle, self, config)
	}
	switch {
	case err == nil:
		return nil
	case config.Strict:
		err = fmt.Errorf("%s: %w", wrapperName, err)
		logHook(w.state, err)
		return err
	}
	err = fmt.Errorf("the container starts without the CAs: %w", err)
	w.p.warn(err.Error())
	logHook(w.state, err)
	return nil
}

// wrapperTurn is the variable that shows a loop: the next runtime is another copy
// of the wrapper, or a script that calls it. Its value is the number of the
// process, which stays the same.
const wrapperTurn = "CERTGRAFT_RUNC_PROCESS"

func (w *wrapper) read(ctx context.Context) (config hostConfig, err error) {
	data, err := input.ReadFile(ctx, w.config)
	if err != nil {
		return config, hint.Add(fmt.Errorf("read the CAs for containers: %w", err), hostExample)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err = d.Decode(&config); err != nil {
		_ = json.Unmarshal(data, &config) // the fields that can be read
		err = hint.Add(fmt.Errorf("%s: %w", w.config, err), hostExample)
	}
	return config, err
}

// usualPath is searched for a runtime after PATH. podman cleans up after a
// container without any PATH.
var usualPath = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// nextRuntime returns the file of the runtime: the first of its name on PATH,
// except this program itself.
func nextRuntime(name, path, self string) (string, error) {
	us, err := os.Stat(self)
	if err != nil {
		return "", err
	}
	candidates := []string{name}
	if !filepath.IsAbs(name) {
		candidates = nil
		for _, dir := range append(filepath.SplitList(path), usualPath...) {
			candidates = append(candidates, filepath.Join(dir, name))
		}
	}
	for _, file := range candidates {
		info, err := os.Stat(file)
		if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 && !os.SameFile(info, us) {
			return file, nil
		}
	}
	return "", hint.Add(fmt.Errorf("%s: no container runtime %s is on PATH", wrapperName, name), nameRuntime)
}

const nameRuntime = "name it in " + hostConfigName + `: "runtime": "/usr/sbin/runc"`

// addHooks writes the hooks into the configuration of a new container, and
// variables for programs that do not read the system's bundle.
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

// variables returns the variables for programs in a root that do not read its
// bundle.
func (w *wrapper) variables(ctx context.Context, root string, env []string) (list []string) {
	at, err := w.p.openRoot(ctx, root)
	if err != nil {
		return nil // the hook will report the error
	}
	defer at.close()
	found, err := installer.Environ(at.root, installer.Options{Environ: environOf(env)}, false)
	if err != nil {
		return nil // the hook will report the error
	}
	for _, v := range found.Variables {
		list = append(list, v.Name+"="+v.Value)
	}
	return list
}
