package command

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/command/launch"
	"github.com/certgraft/certgraft/internal/command/step"
	"github.com/certgraft/certgraft/internal/command/words"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/readers"
	"github.com/certgraft/certgraft/rootfs"
)

// How a command finds the CAs. Auto uses the root's own stores if that leaves no
// trace in the layer, and else variables.
const (
	modeEnv    = "env"
	modeInRoot = "in-root"
	modeAuto   = "auto"
)

var runModes = []string{modeEnv, modeInRoot, modeAuto}

// decideInRoot reports whether the command will find the CAs in the root's own
// stores. If the flags ask for this and it cannot be, decideInRoot says why.
func (o *runOptions) decideInRoot(p *printer) (bool, error) {
	switch {
	case o.inRoot && o.mode != "":
		return false, usagef("run: --in-root and --mode exclude each other")
	case o.mode == modeEnv || o.mode == "" && !o.inRoot:
		return false, nil
	case o.mode != "" && !slices.Contains(runModes, o.mode):
		return false, usagef("--mode %s: it is %s", o.mode, words.Or(runModes))
	}
	switch {
	case p.mac:
		return false, fmt.Errorf("run --in-root: a Mac has a keychain in place of files")
	case os.Geteuid() != 0:
		p.note("only root can edit the stores: the command gets variables in place of --in-root")
		return false, nil
	case !keepsCopies(procMounts()):
		return true, nil
	case o.mode == modeInRoot:
		p.warn("this engine stores each file that a step changes and changes back: the layer has a copy of the bundle, without the CAs")
		return true, nil
	}
	p.note("this engine would store a copy of the bundle in the layer: the command gets variables in place of --in-root; --mode in-root forces it, in a build CERTGRAFT_MODE=in-root")
	return false, nil
}

// procMounts returns the mounts of this process, or nil if they are unknown.
func procMounts() []byte {
	data, _ := fs.ReadFile(os.DirFS("/proc"), "self/mountinfo")
	return data
}

// keepsCopies reports whether the storage driver of the root keeps copied files
// even if their content was restored. The overlay2 driver of Docker engines
// without a containerd store does. Its layers are in overlay2/ID/diff.
func keepsCopies(mountinfo []byte) bool {
	for line := range bytes.Lines(mountinfo) {
		fields := strings.Fields(string(line))
		if len(fields) < 5 || fields[4] != "/" {
			continue
		}
		_, upper, ok := strings.Cut(string(line), "upperdir=")
		upper, _, _ = strings.Cut(upper, ",")
		return ok && strings.Contains(upper, "/overlay2/") && strings.HasSuffix(upper, "/diff")
	}
	return false
}

// runInRoot puts the sources into the stores of the running root, runs the
// command, and takes them out again.
func (o *runOptions) runInRoot(ctx context.Context, p *printer, sources []installer.Source, argv []string) error {
	opt := p.stepOptions("/")
	p.clearSteps(ctx, "/")
	signals := launch.CatchSignals()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	environ := p.env.list()
	opt.Installed = func(r *rootfs.Overlay) { environ = stepEnviron(p, r) }
	at, report, err := step.Enter(ctx, opt, sources)
	if err != nil {
		return fmt.Errorf("run --in-root: %w", err)
	}
	for _, w := range report.Warnings {
		p.warn(w)
	}
	status, err := launch.Run(&exec.Cmd{Args: argv, Env: environ, Stdin: p.in, Stdout: p.out, Stderr: p.err}, signals)
	err = notStarted(argv, err)
	if failed := at.Leave(context.WithoutCancel(ctx)); failed != nil {
		p.warn("the CAs of this run are still in the stores, any certgraft takes them out: " + failed.Error())
	}
	if err != nil || status != exitDone {
		return statusError{err, status}
	}
	return nil
}

// stepOptions are the options for a step in the stores of a root.
func (p *printer) stepOptions(root string) step.Options {
	stores := installer.Options{}
	if root == "/" {
		stores = installer.Options{Live: true, Environ: p.env.withoutRun()}
	}
	return step.Options{Root: root, Stores: stores, Update: rootfs.Options{Marker: installer.RecordPath, Unread: installer.TakesEveryFile}}
}

// clearSteps takes out of a root the steps of killed runs. A failure is only
// logged, because the next certgraft tries again.
func (p *printer) clearSteps(ctx context.Context, root string) {
	if p.mac {
		return
	}
	opt := p.stepOptions(root)
	opt.Update.LockTimeout = time.Second
	n, err := step.Clear(ctx, opt)
	if err != nil {
		p.log().Debug("what a run that was killed left stays", "root", root, "error", err)
	}
	p.cleared(n)
}

func (p *printer) cleared(n int) {
	if n > 0 {
		p.note(fmt.Sprintf("took out of the stores what killed runs left in them: %d", n))
	}
}

// stepEnviron returns the environment of a command whose root has the CAs in its
// stores. It adds variables for programs that do not read those stores.
func stepEnviron(p *printer, root *rootfs.Overlay) []string {
	found, err := installer.Environ(root, installer.Options{Live: true, Environ: p.env}, false)
	if err != nil {
		p.warn("some programs may not trust the CAs: " + err.Error())
		return p.env.list()
	}
	merged := maps.Clone(p.env)
	for _, v := range found.Variables {
		merged[v.Name] = v.Value
	}
	for _, v := range readers.Settings(readers.Paths{Bundle: found.Bundle}, p.env) {
		if v.Name == libpqBundle && p.env[libpqBundle] == "" { // Settings extends a value that is already set
			merged[v.Name] = v.Value
		}
	}
	merged[runBundle] = found.Bundle
	return merged.list()
}

// libpqBundle is the variable that names the CAs for libpq. libpq verifies a
// server only when asked to, and then needs this path.
const libpqBundle = "PGSSLROOTCERT"

// notStarted explains why a command could not be started.
func notStarted(argv []string, err error) error {
	if err == nil {
		return nil
	}
	return hint.Add(fmt.Errorf("run %s: %w", argv[0], err), "the command is what stands behind the first --; without a shell it is one program and its arguments")
}

// present returns the sources that exist. A file or directory must also not be
// empty.
func present(catalogue *bundles.Catalogue, specs []string) []string {
	return slices.DeleteFunc(slices.Clone(specs), func(spec string) bool {
		name, ok := catalogue.Path(spec)
		if !ok {
			return false
		}
		info, err := os.Stat(name)
		return isMissing(err) || err == nil && info.Mode().IsRegular() && info.Size() == 0
	})
}

// isRemote reports whether a source is a URL.
func isRemote(spec string) bool { return strings.Contains(spec, "://") }
