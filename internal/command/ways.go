package command

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/rootfs"
)

// withWays adds hints to the error for a root that cannot be written: the flags
// with which a trial succeeds in this root, and the ways that need no rights.
func (o *installOptions) withWays(ctx context.Context, p *printer, sources []installer.Source, opt installer.Options, err error) error {
	if !errors.Is(err, syscall.EROFS) && !errors.Is(err, syscall.EXDEV) && !errors.Is(err, fs.ErrPermission) || o.target.output != "" || p.mac {
		return err
	}
	onlySystem, onlyBundle, others := opt, opt, opt
	onlySystem.Stores, onlyBundle.Append, others.KeepGoing = []string{"system"}, true, true
	var works []string
	for _, way := range []struct {
		flags string
		opt   installer.Options
	}{
		{"--stores system", onlySystem},
		{"--append", onlyBundle},
		{"--keep-going", others},
	} {
		if o.target.try(ctx, sources, way.opt) == nil {
			works = append(works, way.flags)
		}
	}
	if len(works) > 0 {
		err = hint.Add(err, "the files that can be written here are edited with "+strings.Join(works, ", or with "))
	}
	return hint.Add(err, "without writing here: certgraft run SOURCE… -- COMMAND makes one command trust, and --output DIR collects the files to copy over the root")
}

// try returns why sources cannot be installed with these options. It changes no
// file.
func (o *targetOptions) try(ctx context.Context, sources []installer.Source, opt installer.Options) error {
	_, err := rootfs.Options{DryRun: true, LockTimeout: o.lockTimeout}.Update(ctx, o.root, func(r *rootfs.Overlay) error {
		if _, err := installer.Install(r, sources, opt); err != nil {
			return err
		}
		return r.Try()
	})
	return err
}
