package command

import (
	"path"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/rootfs"
)

// patchEdit are the flags for the edit of stores.
type patchEdit struct {
	editOptions

	env cli.StringSlice
}

func (o *patchEdit) flags() []cli.Flag {
	env := &cli.StringSliceFlag{Name: "env", Category: imageFlags, Usage: "environment in the config: auto (what runtimes in the image need to see the system's CAs), none, or `KEY=VALUE`", Destination: &o.env}
	return append(o.editOptions.flags("image"), wordsFlag{env, []string{"auto", "none"}})
}

// check reads the values that can be wrong.
func (o *patchEdit) check() error {
	for _, value := range o.env.Value() {
		if value != "auto" && value != "none" && !strings.Contains(strings.TrimPrefix(value, "="), "=") {
			return usagef("--env %s: it is auto, none or KEY=VALUE", value)
		}
	}
	_, err := o.installer()
	return err
}

// run edits the stores of one image, and the environment in its config.
func (o *patchEdit) run(root *rootfs.Overlay, config *image.Config, sources []installer.Source, result *patchResult) error {
	opt, err := o.installer()
	if err != nil {
		return err
	}
	opt.Environ = environOfImage(config)
	opt.Again = "certgraft patch IMAGE"
	_, err = root.Lstat(installer.RecordPath)
	recorded := err == nil
	report, err := installer.Install(root, sources, opt)
	if err != nil {
		return err
	}
	before := slices.Clone(config.Env)
	o.setEnv(config, report)
	set := setVariables(before, config.Env)
	if err := installer.NoteEnviron(root, set); err != nil {
		return err
	}
	if !recorded && len(set) == 0 {
		if err := dropIdleRecord(root); err != nil {
			return err
		}
	}
	if config.Distrusted, err = installer.Distrusted(root); err != nil {
		return err
	}
	result.edited(config.Platform, report)
	return nil
}

// dropIdleRecord removes a new record if the edit changed nothing else. Every
// store already had the CAs, so remove would find nothing to take out.
func dropIdleRecord(root *rootfs.Overlay) error {
	changes := slices.Collect(root.Changes())
	idle := map[string]bool{} // the record and the directories above it
	for name := installer.RecordPath; name != "."; name = path.Dir(name) {
		idle[name] = true
	}
	for _, c := range changes {
		if c.Removed || c.Prior != nil || !idle[c.Name] {
			return nil
		}
	}
	for _, c := range slices.Backward(changes) {
		if err := root.Remove(c.Name); err != nil {
			return err
		}
	}
	return nil
}

// setEnv sets the variables of --env, and the variables that runtimes in the image
// need, unless such a variable would hide other roots. A variable that is already
// set keeps its value.
func (o *patchEdit) setEnv(config *image.Config, report *installer.Report) {
	values := o.env.Value()
	for _, kv := range values {
		if key, value, ok := strings.Cut(kv, "="); ok {
			config.Env = withVariable(config.Env, key, value)
		}
	}
	if slices.Contains(values, "none") {
		return
	}
	for _, v := range report.Instead {
		config.Env = withVariable(config.Env, v.Name, v.Value)
		report.Warnings = slices.DeleteFunc(report.Warnings, func(w string) bool { return w == v.Warning })
	}
	report.Advice = slices.DeleteFunc(report.Advice, func(a installer.Advice) bool {
		if !a.Adds || a.Variable == "" {
			return false
		}
		if _, there := environOf(config.Env)[a.Variable]; !there {
			config.Env = append(config.Env, a.Variable+"="+a.Value)
		}
		report.Obeyed(a)
		return true
	})
}

// setVariables returns the changed variables with their earlier values.
func setVariables(before, after []string) []installer.SetVariable {
	var all []installer.SetVariable
	old := environOf(before)
	for _, kv := range after {
		name, value, _ := strings.Cut(kv, "=")
		prior, there := old[name]
		if there && prior == value {
			continue
		}
		v := installer.SetVariable{Name: name, Value: value}
		if there {
			v.Prior = &prior
		}
		all = append(all, v)
	}
	return all
}

func withVariable(env []string, key, value string) []string {
	kv := key + "=" + value
	i := slices.IndexFunc(env, func(old string) bool { return strings.HasPrefix(old, key+"=") })
	if i < 0 {
		return append(env, kv)
	}
	env[i] = kv
	return env
}
