package command

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/rootfs"
)

// targetOptions are the flags of the commands that edit a root.
type targetOptions struct {
	root, output string
	dryRun       bool
	lockTimeout  time.Duration
	stores       string
	javaPassword string // file that holds it
	hooks        string
}

func (o *targetOptions) flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "root", Category: targetFlags, Usage: "edit the root file system in `DIR`", Value: "/", TakesFile: true, Destination: &o.root},
		&cli.StringFlag{Name: "stores", Category: targetFlags, Usage: "edit only these `STORES`, separated by commas: auto, system, java …", Value: "auto", Destination: &o.stores},
		javaPasswordFlag(&o.javaPassword),
		&cli.BoolFlag{Name: "dry-run", Category: targetFlags, Usage: "say what would change and change nothing", Destination: &o.dryRun},
		&cli.StringFlag{Name: "hooks", Category: targetFlags, Usage: "hooks of the distribution's own tool on the running root: auto or none", Value: "auto", Destination: &o.hooks},
		&cli.DurationFlag{Name: "lock-timeout", Category: targetFlags, Usage: "wait for another certgraft on the same root for `DURATION`", Value: time.Minute, Destination: &o.lockTimeout},
	}
}

// live reports whether the root is the one that this process runs on.
func (o *targetOptions) live() bool { return o.root == "/" && o.output == "" }

// rootOptions returns what package installer is to know of a root. Only of the
// running system's is the environment known.
func (p *printer) rootOptions(live bool) installer.Options {
	if !live {
		return installer.Options{}
	}
	return installer.Options{Live: true, Environ: p.env}
}

// installer returns what package installer is to know of the target.
func (o *targetOptions) installer(p *printer) (installer.Options, error) {
	opt := p.rootOptions(o.live())
	if o.stores != "auto" {
		opt.Stores = splitList(o.stores)
	}
	switch o.hooks {
	case "auto", "none":
	default:
		return opt, usagef("--hooks %s: it is auto or none", o.hooks)
	}
	var err error
	opt.JavaPassword, err = readPassword(o.javaPassword)
	return opt, err
}

func javaPasswordFlag(to *string) cli.Flag {
	return &cli.StringFlag{Name: "java-password-file", Category: targetFlags, Usage: "the password of Java trust stores is in `FILE`, where it is not the usual one", TakesFile: true, Destination: to}
}

// readPassword returns the first line of a file, "" without a file.
func readPassword(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("read the password of Java trust stores: %w", err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", usagef("--java-password-file %s: its first line is empty", name)
	}
	return line, nil
}

// update runs edit on the root and commits what it changed.
func (o *targetOptions) update(ctx context.Context, p *printer, edit func(*rootfs.Overlay) error) (*rootfs.Result, error) {
	if o.root == "" {
		return nil, usagef("--root is empty")
	}
	epoch, _, err := p.env.epoch()
	if err != nil {
		return nil, err
	}
	if epoch.IsZero() {
		epoch = time.Unix(0, 0)
	}
	opt := rootfs.Options{DryRun: o.dryRun, Output: o.output, LockTimeout: o.lockTimeout, ModTime: epoch, Marker: installer.RecordPath, Unread: installer.TakesEveryFile}
	return opt.Update(ctx, o.root, edit)
}
