package command

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/command/step"
	"github.com/certgraft/certgraft/rootfs"
)

// targetOptions are the flags of the commands that edit a root.
type targetOptions struct {
	root, output string
	dryRun       bool
	lockTimeout  time.Duration
	javaPassword string // file with the password
	user         bool   // macOS: the login keychain
	hooks        string
	fsync        string
	runHooks     bool
}

func (o *targetOptions) flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "root", Category: targetFlags, Usage: "edit the root file system in `DIR`", Value: "/", TakesFile: true, Destination: &o.root},
		javaPasswordFlag(&o.javaPassword),
		&cli.BoolFlag{Name: "user", Category: targetFlags, Usage: "on a Mac: the login keychain in place of the system's", Destination: &o.user},
		&cli.BoolFlag{Name: "dry-run", Category: targetFlags, Usage: "change nothing and count what would change; --verbose names each file", Destination: &o.dryRun},
		wordFlag{&cli.StringFlag{Name: "hooks", Category: targetFlags, Usage: "hooks of the distribution's own tool on the running root: auto or none", Value: "auto", Destination: &o.hooks}, hookModes.words(), false},
		fsyncFlag(&o.fsync),
		&cli.DurationFlag{Name: "lock-timeout", Category: targetFlags, Usage: "wait for another certgraft on the same root for `DURATION`", Value: time.Minute, Destination: &o.lockTimeout},
	}
}

// hookModes say whether hooks run.
var hookModes = choices[bool]{{"auto", true}, {"none", false}}

// live reports whether the target is the root of the running system.
func (o *targetOptions) live() bool { return o.root == "/" && o.output == "" }

// installer adds the target to the options of package installer.
func (o *targetOptions) installer(ctx context.Context, p *printer, opt installer.Options) (_ installer.Options, err error) {
	if o.live() {
		opt.Live, opt.Environ = true, p.env.withoutRun()
	}
	if o.runHooks, err = hookModes.find("hooks", o.hooks); err != nil {
		return opt, err
	}
	if o.fsync, err = fsyncModes.find("fsync", o.fsync); err != nil {
		return opt, err
	}
	opt.JavaPassword, err = readPassword(ctx, o.javaPassword)
	return opt, err
}

// keychain returns the trust store of a Mac, if the target is its own system, and
// the directory of the record.
func (o *targetOptions) keychain(p *printer) (k *installer.Keychain, dir string, err error) {
	k = &installer.Keychain{Tool: "security", DryRun: o.dryRun}
	switch {
	case !p.mac || !o.live():
		if o.user {
			err = usagef("--user is for the keychain of a Mac: here a root has one set of trust stores")
		}
		return nil, o.root, err
	case o.user && p.env["HOME"] == "":
		return nil, "", usagef("--user: HOME is not set")
	case o.user:
		k.Home = p.env["HOME"]
		dir = filepath.Join(k.Home, "Library/Application Support/certgraft")
		if _, err = os.Stat(dir); isMissing(err) && o.dryRun {
			return k, k.Home, nil // the keychain has no record either
		}
		return k, dir, os.MkdirAll(dir, 0o755)
	}
	return k, "/", nil
}

// edit runs edit on the root and commits the changes. First it clears the steps
// that killed runs left in the root. On the own system of a Mac edit gets the
// keychain, elsewhere nil.
func (o *targetOptions) edit(ctx context.Context, p *printer, edit func(*installer.Keychain, *rootfs.Overlay) error) (*rootfs.Result, error) {
	k, dir, err := o.keychain(p)
	if err == nil {
		err = notAnImage(dir)
	}
	if err != nil {
		return nil, err
	}
	epoch, _, err := p.env.epoch()
	if err != nil {
		return nil, err
	}
	if epoch.IsZero() {
		epoch = time.Unix(0, 0)
	}
	opt := rootfs.Options{
		DryRun: o.dryRun, Output: o.output, Sync: o.fsyncs(os.DirFS("/"), p.env),
		LockTimeout: o.lockTimeout, ModTime: epoch, Marker: installer.RecordPath, Unread: installer.TakesEveryFile,
		Once: k != nil,
	}
	cleared := 0
	result, err := opt.Update(ctx, dir, func(r *rootfs.Overlay) (err error) {
		if k == nil {
			if cleared, err = step.Withdraw(r, p.stepOptions(dir)); err != nil {
				return err
			}
		}
		return edit(k, r)
	})
	p.cleared(cleared)
	return result, err
}
