package command

import (
	"context"
	"errors"
	"math"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/hint"
)

// sourceOptions are the flags of the commands that load and judge sources.
type sourceOptions struct {
	fetch fetchOptions
	judge judgeOptions

	lock, policy string
}

func (o *sourceOptions) flags() []cli.Flag {
	return slices.Concat([]cli.Flag{
		&cli.StringFlag{Name: "lock", Category: sourceFlags, Usage: "take only what the policy allows of what is locked in `FILE`; without a source, every locked one", EnvVars: []string{"CERTGRAFT_LOCK"}, TakesFile: true, Destination: &o.lock},
		wordFlag{&cli.StringFlag{Name: "policy", Category: sourceFlags, Usage: "with a lock: exact (what is locked), additions (what is new too) or any (whatever the source has); without one: known (of a catalogue id, what the catalogue knows)", Destination: &o.policy}, policies.words(), false},
	}, o.judge.flags(), o.fetch.flags())
}

// policies are the words for what a lock allows of a source.
var policies = choices[bundles.Policy]{{"exact", bundles.Exact}, {"additions", bundles.Additions}, {"any", bundles.Any}, {"known", bundles.OnlyKnown}}

// locked adds the lock to the options of package bundles. If no source is named,
// it returns the sources of the lock.
func (o *sourceOptions) locked(ctx context.Context, fetch *bundles.Options, specs []string) ([]string, error) {
	var err error
	if o.policy != "" {
		if fetch.Policy, err = policies.find("policy", o.policy); err != nil {
			return nil, err
		}
	}
	if o.lock == "" {
		if fetch.Policy == bundles.Exact || fetch.Policy == bundles.Additions {
			return nil, hint.Add(usagef("--policy %s needs a lock", o.policy), "write one with certgraft lock SOURCE… and name it with --lock FILE")
		}
		return specs, nil
	}
	if fetch.Policy == bundles.OnlyKnown {
		return nil, hint.Add(usagef("--policy known is for sources without a lock"), "a lock admits only its own certificates: leave out --policy, or the lock")
	}
	if slices.ContainsFunc(specs, isStdin) {
		return nil, usagef("standard input cannot be locked")
	}
	if fetch.Lock, err = bundles.ReadLock(ctx, o.lock, fetch.Insecure); err != nil {
		return nil, err
	}
	if len(specs) == 0 {
		specs = fetch.Lock.Names()
	}
	return specs, nil
}

// withSources is the action of a command whose arguments are sources.
func withSources(run func(ctx context.Context, specs []string) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		least := 1
		if c.String("lock") != "" {
			least = 0 // the lock names the sources
		}
		specs, err := operands(c, least, -1, "a source (a catalogue id, URL, file, directory or -)")
		if err != nil {
			return err
		}
		return run(c.Context, specs)
	}
}

// load fetches and judges the sources, before a root is locked or read. If a file
// cannot be read, load also names wrong arguments: they decide the status.
func (o *sourceOptions) load(ctx context.Context, p *printer, result *editResult, specs []string) ([]installer.Source, error) {
	sources, err := o.loadAll(ctx, p, result, specs)
	if err != nil && exitStatus(err) != exitUsage {
		err = errors.Join(o.fetch.misused(ctx, specs), err)
	}
	return sources, err
}

func (o *sourceOptions) loadAll(ctx context.Context, p *printer, result *editResult, specs []string) ([]installer.Source, error) {
	now, err := p.env.now()
	if err != nil {
		return nil, err
	}
	fetch, done, err := o.fetch.options(ctx, p)
	if err != nil {
		return nil, err
	}
	policy, err := o.judge.policy(ctx, now, fetch.Catalog)
	if err != nil {
		return nil, err
	}
	if specs, err = o.locked(ctx, &fetch, specs); err != nil {
		return nil, err
	}
	loaded, err := bundles.Load(ctx, fetch, specs...)
	done()
	if err != nil {
		return nil, err
	}
	makeRoom(loaded)
	sources, verdicts, err := judge(loaded, policy)
	result.loaded(p, loaded, verdicts)
	return sources, err
}

// makeRoom raises the memory limit for more than 1000 certificates, each of which
// takes up to 7 KiB. Within the limit that main sets the program would spend its
// time on garbage collection.
func makeRoom(loaded []*bundles.Bundle) {
	const usual, each = 1000, 12 << 10
	n := 0
	for _, b := range loaded {
		n += b.Certs.Len()
	}
	if limit := debug.SetMemoryLimit(-1); n > usual && limit < math.MaxInt64 {
		debug.SetMemoryLimit(limit + int64(n)*each)
	}
}

// isStdin reports whether a source is standard input, with or without a pin.
func isStdin(spec string) bool { return spec == "-" || strings.HasPrefix(spec, "-@") }

func stdinTwice(a, b string) error {
	return hint.Add(usagef("standard input is named twice: by %s and by %s", a, b), "it can be read once: keep one of the two in a file, and name that")
}
