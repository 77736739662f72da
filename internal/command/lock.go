package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/command/words"
	"github.com/certgraft/certgraft/internal/hint"
)

// lockOptions are the flags of certgraft lock.
type lockOptions struct {
	fetch         fetchOptions
	distrusted    distrustOptions
	file          string
	check, update bool
	within        int // days
}

func lockCommand(p *printer) *cli.Command {
	o := &lockOptions{}
	return &cli.Command{
		Name:        "lock",
		Usage:       "write down what sources hold, and compare it with what they hold now",
		ArgsUsage:   "SOURCE…",
		Description: "certgraft lock aws-rds ./corp.pem     write certgraft.lock\ncertgraft lock --check                what is new, gone, or expires soon: exit status 5\ncertgraft lock --update               take it over\ncertgraft install --lock certgraft.lock",
		Flags:       o.flags(),
		Action: func(c *cli.Context) error {
			specs := c.Args().Slice()
			switch {
			case o.check && o.update:
				return usagef("lock: --check and --update exclude each other")
			case (o.check || o.update) && len(specs) > 0:
				return usagef("lock: --check and --update take the sources from the lock")
			case !o.check && !o.update && len(specs) == 0:
				return hint.Add(usagef("lock: a source is missing"), usageLine(c))
			case o.within < 0:
				return usagef("lock: --within is a number of days")
			}
			return o.run(c.Context, p, specs)
		},
	}
}

func (o *lockOptions) flags() []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "lock", Category: targetFlags, Usage: "the lock is `FILE`", Value: bundles.LockFile, EnvVars: []string{"CERTGRAFT_LOCK"}, TakesFile: true, Destination: &o.file},
		&cli.BoolFlag{Name: "check", Category: targetFlags, Usage: "change nothing, and say what has changed since; exit status 5 if anything has", Destination: &o.check},
		&cli.BoolFlag{Name: "update", Category: targetFlags, Usage: "write down what the locked sources hold now", Destination: &o.update},
		&cli.IntFlag{Name: "within", Category: targetFlags, Usage: "with --check: name what expires within `DAYS`", Value: 90, Destination: &o.within},
		o.distrusted.flag(),
	}, o.fetch.flags()...)
}

// lockResult is the JSON of certgraft lock; docs/json.md describes it.
type lockResult struct {
	Schema  int                `json:"schema"` // 1
	Lock    string             `json:"lock"`
	Changed bool               `json:"changed"` // since it was locked, or by this run
	Sources []lockSourceResult `json:"sources"`
	Dropped []string           `json:"dropped,omitzero"` // sources of the earlier lock that the new one lacks
	Errors  []string           `json:"errors,omitzero"`  // with --check: why sources could not be compared
}

// lockSourceResult is the result for one locked source.
type lockSourceResult struct {
	Source       string               `json:"source"`
	Origin       string               `json:"origin"`
	Set          string               `json:"set"` // digest of its present content
	Certificates int                  `json:"certificates"`
	New          []bundles.LockedCert `json:"new"`
	Gone         []bundles.LockedCert `json:"gone"`
	Expiring     []bundles.LockedCert `json:"expiring"`
	Findings     []findingResult      `json:"findings,omitzero"`
	Warnings     []string             `json:"warnings"`
}

func (o *lockOptions) run(ctx context.Context, p *printer, specs []string) error {
	now, err := p.env.now()
	if err != nil {
		return err
	}
	before := &bundles.Lock{}
	locked, err := bundles.ReadLock(ctx, o.file, o.fetch.plainHTTP)
	if o.check || o.update {
		if err != nil {
			return err
		}
		before, specs = locked, locked.Names()
	}
	loaded, err := o.load(ctx, p, specs)
	if o.check {
		return o.report(p, o.compare(before, loaded, now), err)
	}
	if err != nil {
		return err
	}
	lock, result := bundles.NewLock(loaded), o.compare(before, loaded, now)
	if locked != nil {
		for _, was := range locked.Sources {
			if !slices.ContainsFunc(lock.Sources, func(s bundles.LockedSource) bool { return s.Source == was.Source }) {
				result.Dropped = append(result.Dropped, was.Source)
			}
		}
	}
	if err := o.write(lock); err != nil {
		return err
	}
	return o.report(p, result, nil)
}

func (o *lockOptions) write(lock *bundles.Lock) error {
	data, err := lock.Encode()
	if err == nil {
		err = replaceFile(o.file, data)
	}
	if err != nil {
		return fmt.Errorf("write the lock: %w", err)
	}
	return nil
}

// report writes the result for the sources that could be read, and beside it the
// finding of --check. The finding decides the status, unless the error of the
// other sources has a status of its own.
func (o *lockOptions) report(p *printer, result *lockResult, failed error) error {
	if failed != nil {
		result.Errors = strings.Split(failed.Error(), "\n")
	}
	if failed != nil && len(result.Sources) == 0 {
		return failed
	}
	o.remarks(p, result)
	if err := p.result(result, func(w io.Writer) { o.text(w, result) }); err != nil {
		return err
	}
	found := o.found(result)
	switch {
	case found == nil:
		return failed
	case failed == nil:
		return found
	case exitStatus(failed) != exitFailure:
		return failed
	}
	p.failure(failed)
	return found
}

// remarks writes warnings about the sources.
func (o *lockOptions) remarks(p *printer, r *lockResult) {
	for _, s := range r.Sources {
		if o.check && o.fetch.offline && s.notAsked() {
			p.warn(s.Source + ": the lock is compared with the " + s.Origin + "; the source was not asked")
		}
		p.warnFindings(s.Source, s.Findings)
		for _, w := range s.Warnings {
			p.warn(s.Source + ": " + w)
		}
	}
}

// found returns the finding of --check as an error, or nil. The result has already
// told it.
func (o *lockOptions) found(r *lockResult) error {
	var err error
	switch {
	case !o.check:
		return nil
	case r.Changed && o.fetch.offline && slices.ContainsFunc(r.Sources, lockSourceResult.notAsked):
		err = hint.Add(fmt.Errorf("the lock %s is not what the cache and the snapshots hold; its sources were not asked", o.file), "run it again without --offline")
	case r.Changed:
		err = hint.Add(fmt.Errorf("the lock %s differs from its sources", o.file), "certgraft lock --update takes it over")
	case r.expiring() == 1:
		err = hint.Add(fmt.Errorf("1 certificate of the lock %s has expired or expires within %d days", o.file, o.within), soonHint)
	case r.expiring() > 0:
		err = hint.Add(fmt.Errorf("%d certificates of the lock %s have expired or expire within %d days", r.expiring(), o.file, o.within), soonHint)
	default:
		return nil
	}
	return reportedError{err, exitFound}
}

const soonHint = "without -q they are listed: look for their successors; --within DAYS says how soon is soon"

// notAsked reports whether a source seems changed only because the cache or the
// snapshot stood in for it.
func (s lockSourceResult) notAsked() bool {
	return len(s.New)+len(s.Gone) > 0 && (s.Origin == string(bundles.Cache) || s.Origin == string(bundles.Snapshot))
}

// load reads the sources from upstream. A lock made from a stand-in, or compared
// with one, proves nothing.
func (o *lockOptions) load(ctx context.Context, p *printer, specs []string) ([]*bundles.Bundle, error) {
	fetch, done, err := o.fetch.options(ctx, p)
	if err != nil {
		return nil, err
	}
	fetch.NoFallback, fetch.ToLock = !fetch.Offline, o.file
	var policy certs.Policy
	if err := o.distrusted.apply(ctx, &policy, fetch.Catalog); err != nil {
		return nil, err
	}
	loaded, err := bundles.Load(ctx, fetch, specs...)
	done()
	return loaded, errors.Join(err, o.leaveOut(loaded, policy))
}

// leaveOut takes distrusted certificates out of the loaded bundles, so that no
// lock holds one.
func (o *lockOptions) leaveOut(loaded []*bundles.Bundle, policy certs.Policy) error {
	for _, b := range loaded {
		if b == nil {
			continue // the source could not be read
		}
		kept := &certs.Set{}
		for c := range b.Certs.All() {
			said, blocked := policy.Listed(c)
			switch {
			case blocked && policy.Distrusted == certs.Fail:
				return hint.Add(refusedf("%s: %s: %s", b.Source, c.Subject(), said), "--distrusted skip leaves it out, --distrusted keep locks it all the same")
			case blocked && policy.Distrusted != certs.Keep:
				b.Warnings = append(b.Warnings, fmt.Sprintf("left out %s: %s", c.Subject(), said))
				continue
			}
			kept.Add(c, b.Source)
		}
		if kept.Len() == 0 && b.Certs.Len() > 0 {
			return hint.Add(refusedf("%s: no certificate is left to lock: all of it is distrusted", b.Source), "--distrusted keep locks it all the same")
		}
		b.Certs = kept
	}
	return nil
}

func (o *lockOptions) compare(before *bundles.Lock, loaded []*bundles.Bundle, now time.Time) *lockResult {
	result := &lockResult{Schema: 1, Lock: o.file, Sources: []lockSourceResult{}}
	soon := now.AddDate(0, 0, o.within)
	for _, b := range loaded {
		if b == nil {
			continue // the source could not be read
		}
		change := before.Compare(b)
		one := lockSourceResult{
			Source: b.Source, Origin: string(b.Origin), Set: b.Certs.Digest(), Certificates: b.Certs.Len(),
			New: []bundles.LockedCert{}, Gone: orEmpty(change.Gone), Expiring: []bundles.LockedCert{}, Findings: findingsOf(b), Warnings: orEmpty(b.Warnings),
		}
		for _, c := range change.New {
			one.New = append(one.New, bundles.Locked(c))
		}
		for c := range b.Certs.All() {
			if soon.After(c.NotAfter()) {
				one.Expiring = append(one.Expiring, bundles.Locked(c))
			}
		}
		result.Changed = result.Changed || len(one.New)+len(one.Gone) > 0
		result.Sources = append(result.Sources, one)
	}
	return result
}

func (r *lockResult) expiring() int {
	n := 0
	for _, s := range r.Sources {
		n += len(s.Expiring)
	}
	return n
}

// text writes the result as a list for a pull request.
func (o *lockOptions) text(w io.Writer, r *lockResult) {
	for _, s := range r.Sources {
		fmt.Fprintf(w, "- **%s**: %s\n", s.Source, s.summary())
		lines(w, "new", s.New)
		lines(w, "gone", s.Gone)
		if o.check {
			lines(w, "expires", s.Expiring)
		}
	}
	if len(r.Dropped) > 0 {
		fmt.Fprintf(w, "- no longer locked: %s\n", strings.Join(r.Dropped, ", "))
	}
	if !o.check {
		fmt.Fprintf(w, "wrote %s\n", o.file)
	}
}

func (s lockSourceResult) summary() string {
	var parts []string
	for _, part := range []struct {
		n    int
		what string
	}{{len(s.New), "new"}, {len(s.Gone), "gone"}, {len(s.Expiring), "expired or soon to expire"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	if len(parts) == 0 {
		parts = []string{"unchanged"}
	}
	return strings.Join(append(parts, words.Plural(s.Certificates, "certificate")), ", ")
}

// lines writes one line for each certificate.
func lines(w io.Writer, what string, list []bundles.LockedCert) {
	for _, c := range list {
		fmt.Fprintf(w, "  - %s: %s, until %s, `%s`\n", what, c.Subject, c.NotAfter.Format(time.DateOnly), c.Fingerprint[:16])
	}
}
