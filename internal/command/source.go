package command

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/installer"
)

// sourceOptions are the flags of the commands that load sources, and say what
// is wanted of them.
type sourceOptions struct {
	fetch fetchOptions
	judge judgeOptions
}

func (o *sourceOptions) flags() []cli.Flag { return append(o.judge.flags(), o.fetch.flags()...) }

// catalogFlag is the flag of the commands that read the catalogue.
func catalogFlag(file *string) cli.Flag {
	return &cli.StringFlag{Name: "catalog", Category: sourceFlags, Usage: "also know the providers in `FILE`", EnvVars: []string{"CERTGRAFT_CATALOG"}, TakesFile: true, Destination: file}
}

// catalogFiles is what package bundles is to know of it.
func catalogFiles(file string) []string {
	if file == "" {
		return nil
	}
	return []string{file}
}

// withSources is the action of a command whose arguments are sources.
func withSources(run func(ctx context.Context, specs []string) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		specs, err := operands(c, 1, -1, "a source (a catalogue id, URL, file, directory or -)")
		if err != nil {
			return err
		}
		return run(c.Context, specs)
	}
}

// load fetches and judges the sources, before a root is locked or read.
func (o *sourceOptions) load(ctx context.Context, p *printer, result *editResult, specs []string) ([]installer.Source, error) {
	now, err := p.env.now()
	if err != nil {
		return nil, err
	}
	fetch, done, err := o.fetch.options(p)
	if err != nil {
		return nil, err
	}
	policy, err := o.judge.policy(now)
	if err != nil {
		return nil, err
	}
	loaded, err := bundles.Load(ctx, fetch, specs...)
	done()
	if err != nil {
		return nil, err
	}
	sources, verdicts, err := judge(loaded, policy)
	result.loaded(p, loaded, verdicts)
	return sources, err
}
