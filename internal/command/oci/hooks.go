package oci

import (
	"bytes"
	"encoding/json"
	"path/filepath"

	"github.com/certgraft/certgraft/internal/atomicfile"
)

// The hooks of a container. The first puts CAs into its root when the mounts are
// made and before its first program starts. The second takes them out when the
// container has ended.
const (
	before = "createRuntime"
	after  = "poststop"
)

// Hooks are the two calls of certgraft around the life of a container.
type Hooks struct {
	Program string   // file of the program certgraft
	In      []string // arguments after "certgraft hook in"
	Out     []string // arguments after "certgraft hook out"
}

// hook is one call. See
// https://github.com/opencontainers/runtime-spec/blob/main/config.md#posix-platform-hooks.
type hook struct {
	HookName string   `json:"hookName,omitempty"` // of a device only
	Path     string   `json:"path"`
	Args     []string `json:"args"`
}

func (h Hooks) in(name string) hook {
	return hook{name, h.Program, append([]string{"certgraft", "hook", "in"}, h.In...)}
}

func (h Hooks) out(name string) hook {
	return hook{name, h.Program, append([]string{"certgraft", "hook", "out"}, h.Out...)}
}

// AddHooks makes the runtime of a container call certgraft. The call that comes in
// first goes out last.
func (c *Container) AddHooks(h Hooks) error {
	hooks := map[string]json.RawMessage{}
	if err := json.Unmarshal(orNull(c.all["hooks"]), &hooks); err != nil {
		return err
	}
	if hooks == nil {
		hooks = map[string]json.RawMessage{}
	}
	for _, add := range []struct {
		name string
		hook hook
	}{{before, h.in("")}, {after, h.out("")}} {
		var list []json.RawMessage
		if err := json.Unmarshal(orNull(hooks[add.name]), &list); err != nil {
			return err
		}
		ours, err := json.Marshal(add.hook)
		if err != nil {
			return err
		}
		if !contains(list, ours) {
			list = append(list, ours)
		}
		if err := put(c.all, "hooks", hooks, add.name, list); err != nil {
			return err
		}
	}
	return nil
}

func orNull(data json.RawMessage) json.RawMessage {
	if len(data) == 0 {
		return json.RawMessage("null")
	}
	return data
}

func contains(list []json.RawMessage, one json.RawMessage) bool {
	for _, other := range list {
		if bytes.Equal(other, one) {
			return true
		}
	}
	return false
}

// Write writes the configuration back.
func (c *Container) Write() error {
	data, err := json.Marshal(c.all)
	if err != nil {
		return err
	}
	return atomicfile.Replace(filepath.Join(c.bundle, configName), data)
}

// Device describes a device that consists of hooks, for "--device
// certgraft.dev/ca=NAME". See
// https://github.com/cncf-tags/container-device-interface/blob/main/SPEC.md.
type Device struct {
	Name  string
	Hooks Hooks
	Plain bool // for engines that refuse unknown versions and annotations: podman 4
}

// Kind is the kind of every device of certgraft.
const Kind = "certgraft.dev/ca"

// Versions of the format: the first with annotations, and the first with hooks in
// their present form.
const (
	versionAnnotated = "0.6.0"
	versionPlain     = "0.3.0"
)

// autoAllow lets BuildKit give the device to each step that asks for it, without
// an entitlement for the build.
const autoAllow = "org.mobyproject.buildkit.device.autoallow"

type deviceSpec struct {
	Version string       `json:"cdiVersion"`
	Kind    string       `json:"kind"`
	Devices []deviceItem `json:"devices"`
}

type deviceItem struct {
	Name        string            `json:"name"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Edits       struct {
		Hooks []hook `json:"hooks"`
	} `json:"containerEdits"`
}

// Encode returns the file for engines.
func (d Device) Encode() ([]byte, error) {
	version, item := versionPlain, deviceItem{Name: d.Name}
	if !d.Plain {
		version, item.Annotations = versionAnnotated, map[string]string{autoAllow: "true"}
	}
	item.Edits.Hooks = []hook{d.Hooks.in(before), d.Hooks.out(after)}
	data, err := json.MarshalIndent(deviceSpec{version, Kind, []deviceItem{item}}, "", "  ")
	return append(data, '\n'), err
}
