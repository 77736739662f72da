package command

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/bundles"
)

// fetchOptions are the flags of every command that loads sources.
type fetchOptions struct {
	cache, catalog, passwordFile   string
	downloadCA                     cli.StringSlice
	timeout                        time.Duration
	offline, noFallback, plainHTTP bool
}

func (o *fetchOptions) flags() []cli.Flag {
	return []cli.Flag{
		catalogFlag(&o.catalog),
		&cli.StringFlag{Name: "cache", Category: downloadFlags, Usage: "keep downloads in `DIR`, such as a BuildKit cache mount", EnvVars: []string{"CERTGRAFT_CACHE"}, TakesFile: true, Destination: &o.cache},
		&cli.StringSliceFlag{Name: "download-ca", Category: downloadFlags, Usage: "trust the CAs in `FILE` for downloads too, such as a proxy's", TakesFile: true, Destination: &o.downloadCA},
		&cli.BoolFlag{Name: "insecure", Category: downloadFlags, Usage: "allow http URLs, which anyone on the way can change", Destination: &o.plainHTTP},
		&cli.BoolFlag{Name: "no-fallback", Category: downloadFlags, Usage: "fail when a download fails, instead of using cache or snapshot", Destination: &o.noFallback},
		&cli.BoolFlag{Name: "offline", Category: downloadFlags, Usage: "use cache and snapshots, do not touch the network", Destination: &o.offline},
		&cli.StringFlag{Name: "source-password-file", Category: sourceFlags, Usage: "the password of a PKCS#12 or JKS source is in `FILE`, where it is not the usual one", TakesFile: true, Destination: &o.passwordFile},
		&cli.DurationFlag{Name: "timeout", Category: downloadFlags, Usage: "give up downloading after `DURATION`", Value: time.Minute, Destination: &o.timeout},
	}
}

// options returns the flags as options of package bundles. The second result ends
// the progress display.
func (o *fetchOptions) options(ctx context.Context, p *printer) (bundles.Options, func(), error) {
	if o.offline && o.noFallback {
		return bundles.Options{}, nil, usagef("--offline and --no-fallback exclude each other")
	}
	password, err := readPassword(ctx, o.passwordFile)
	if err != nil {
		return bundles.Options{}, nil, err
	}
	progress, done := p.downloads()
	opt := bundles.Options{
		Stdin: p.in, Cache: o.cache, Offline: o.offline, NoFallback: o.noFallback, Insecure: o.plainHTTP,
		DownloadCA: o.downloadCA.Value(), Timeout: o.timeout, Logger: p.log(), Progress: progress, Catalog: catalogFiles(o.catalog),
		Password: password,
	}
	return opt, done, nil
}

// misused returns the faults of the specs themselves. An id may be unknown if the
// catalogue cannot be read.
func (o *fetchOptions) misused(ctx context.Context, specs []string) error {
	opt := bundles.Options{Insecure: o.plainHTTP, Catalog: catalogFiles(o.catalog)}
	_, unread := bundles.Catalog(ctx, opt)
	if unread != nil {
		opt.Catalog = nil
	}
	var errs []error
	for _, spec := range specs {
		recorded, err := bundles.Recorded(ctx, opt, spec)
		if err == nil && (unread == nil || strings.ContainsAny(spec, "@/")) {
			err = recorded.Unknown
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// catalogue returns the catalogue of the sources.
func (o *fetchOptions) catalogue(ctx context.Context) (*bundles.Catalogue, error) {
	return bundles.Catalog(ctx, bundles.Options{Catalog: catalogFiles(o.catalog)})
}

// catalogFlag is the flag of the commands that read a catalogue.
func catalogFlag(file *string) cli.Flag {
	return &cli.StringFlag{Name: "catalog", Category: sourceFlags, Usage: "also know the providers in `FILE`", EnvVars: []string{"CERTGRAFT_CATALOG"}, TakesFile: true, Destination: file}
}

// catalogFiles returns the file as an option of package bundles.
func catalogFiles(file string) []string {
	if file == "" {
		return nil
	}
	return []string{file}
}
