package command

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/command/words"
	"github.com/certgraft/certgraft/internal/hint"
)

// judgeOptions are the flags for odd certificates of a source.
type judgeOptions struct {
	expired, nonCA string
	distrusted     distrustOptions
}

// actions are the words for an odd certificate.
var actions = choices[certs.Action]{{"skip", certs.Skip}, {"keep", certs.Keep}, {"fail", certs.Fail}}

func (o *judgeOptions) flags() []cli.Flag {
	return []cli.Flag{
		wordFlag{&cli.StringFlag{Name: "expired", Category: sourceFlags, Usage: "expired certificates: skip, keep or fail", Value: "skip", Destination: &o.expired}, actions.words(), false},
		wordFlag{&cli.StringFlag{Name: "non-ca", Category: sourceFlags, Usage: "certificates that are not a CA's: keep, skip or fail", Value: "keep", Destination: &o.nonCA}, actions.words(), false},
		o.distrusted.flag(),
	}
}

func (o *judgeOptions) policy(ctx context.Context, now time.Time, catalog []string) (certs.Policy, error) {
	policy := certs.Policy{Now: now}
	if err := o.distrusted.apply(ctx, &policy, catalog); err != nil {
		return policy, err
	}
	var err error
	if policy.Expired, err = actions.find("expired", o.expired); err != nil {
		return policy, err
	}
	policy.NonCA, err = actions.find("non-ca", o.nonCA)
	return policy, err
}

// A verdict is the decision on one certificate of a source.
type verdict struct {
	Source      string `json:"source"`
	Certificate string `json:"certificate"`
	Fingerprint string `json:"fingerprint"`
	Reason      string `json:"reason"`
	Action      string `json:"action"` // "kept" or "skipped"
}

// judge applies policy to the loaded bundles. Verdicts list the skipped
// certificates, and the kept ones that have a remark. A certificate for which the
// policy says fail is an error.
func judge(loaded []*bundles.Bundle, policy certs.Policy) ([]installer.Source, []verdict, error) {
	var sources []installer.Source
	var verdicts []verdict
	taken := 0
	for _, b := range loaded {
		kept, remarks, err := judgeBundle(b, policy)
		if err != nil {
			return nil, nil, err
		}
		taken += kept.Len()
		verdicts = append(verdicts, remarks...)
		sources = append(sources, sourceOf(b, kept))
	}
	if taken == 0 && len(verdicts) > 0 {
		return nil, verdicts, nothingLeft(loaded, verdicts, policy)
	}
	return sources, verdicts, nil
}

// sourceOf returns the kept certificates of a bundle as a source.
func sourceOf(b *bundles.Bundle, kept *certs.Set) installer.Source {
	stoodIn := b.Origin == bundles.Cache || b.Origin == bundles.Snapshot
	return installer.Source{Name: b.Source, Anchor: b.Anchor, SetDigest: b.Certs.Digest(), Certs: kept, Held: b.Certs, StoodIn: stoodIn}
}

func judgeBundle(b *bundles.Bundle, policy certs.Policy) (*certs.Set, []verdict, error) {
	kept := &certs.Set{}
	var verdicts []verdict
	for c := range b.Certs.All() {
		action, reason := policy.Judge(c)
		done := "kept"
		switch action {
		case certs.Fail:
			return nil, nil, hint.Add(refusedf("%s: %s: %s", b.Source, c.Subject(), reason), strings.Join(policyHints(policy, c, certs.Fail), "; "))
		case certs.Skip:
			done = "skipped"
		default:
			kept.Add(c, b.Source)
		}
		if reason != "" {
			verdicts = append(verdicts, verdict{Source: b.Source, Certificate: c.Subject(), Fingerprint: c.Fingerprint().String(), Reason: reason, Action: done})
		}
	}
	return kept, verdicts, nil
}

// nothingLeft says why no certificate is left to install.
func nothingLeft(loaded []*bundles.Bundle, verdicts []verdict, policy certs.Policy) error {
	reasons, advice := map[string]bool{}, map[string]bool{}
	for _, v := range verdicts {
		reasons[v.Reason] = true
	}
	for _, b := range loaded {
		for c := range b.Certs.All() {
			for _, cure := range policyHints(policy, c, certs.Skip) {
				advice[cure] = true
			}
		}
	}
	if len(advice) == 0 {
		advice["name a source that holds certificates of CAs"] = true
	}
	return hint.Add(refusedf("no certificate is left to install: %s", firstOf(reasons)), firstOf(advice))
}

// warnVerdicts writes one line for all certificates of a source that share a
// remark: fifty expired roots give one line.
func (p *printer) warnVerdicts(verdicts []verdict) {
	type key struct{ source, action, reason string }
	groups := words.Group(verdicts, func(v verdict) (key, string) { return key{v.Source, v.Action, v.Reason}, v.Certificate })
	for k, names := range groups {
		p.warn(fmt.Sprintf("%s: %s %s: %s", k.source, k.action, words.Some(names, 3), k.reason))
	}
}

// policyHints returns hints about a certificate that is skipped or fails. In a
// virtual machine the usual reason is a wrong clock.
func policyHints(policy certs.Policy, c *certs.Certificate, action certs.Action) (hints []string) {
	cure := "keep installs such a certificate all the same"
	if action == certs.Fail {
		cure = "skip leaves such a certificate out, keep installs it all the same"
	}
	if policy.Now.After(c.NotAfter()) && policy.Expired == action {
		hints = append(hints, fmt.Sprintf("certificates were judged at %s: check the date of this machine, or SOURCE_DATE_EPOCH; --expired %s", policy.Now.Format(time.DateTime+" MST"), cure))
	}
	if !c.IsCA() && policy.NonCA == action {
		hints = append(hints, "--non-ca "+cure)
	}
	if said, blocked := policy.Listed(c); said != "" && blocked && policy.Distrusted == action {
		hints = append(hints, "--distrusted "+cure+"; docs/distrust.md says who distrusts it")
	}
	return hints
}

func firstOf(set map[string]bool) string {
	all := slices.Sorted(maps.Keys(set))
	if len(all) > 3 {
		all = append(all[:3], "…")
	}
	return strings.Join(all, "; ")
}
