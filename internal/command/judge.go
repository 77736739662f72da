package command

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
)

// judgeOptions are the flags that say what is wanted of a source.
type judgeOptions struct {
	expired, nonCA string
}

func (o *judgeOptions) flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "expired", Category: sourceFlags, Usage: "expired certificates: skip, keep or fail", Value: "skip", Destination: &o.expired},
		&cli.StringFlag{Name: "non-ca", Category: sourceFlags, Usage: "certificates that are not a CA's: keep, skip or fail", Value: "keep", Destination: &o.nonCA},
	}
}

func (o *judgeOptions) policy(now time.Time) (certs.Policy, error) {
	policy := certs.Policy{Now: now}
	var err error
	if policy.Expired, err = action("expired", o.expired); err != nil {
		return policy, err
	}
	policy.NonCA, err = action("non-ca", o.nonCA)
	return policy, err
}

func action(flag, value string) (certs.Action, error) {
	switch value {
	case "keep":
		return certs.Keep, nil
	case "skip":
		return certs.Skip, nil
	case "fail":
		return certs.Fail, nil
	}
	return 0, usagef("--%s %s: it is skip, keep or fail", flag, value)
}

// A verdict is what became of one certificate that a source holds.
type verdict struct {
	Source      string `json:"source"`
	Certificate string `json:"certificate"`
	Fingerprint string `json:"fingerprint"`
	Reason      string `json:"reason"`
	Action      string `json:"action"` // "kept" or "skipped"
}

// judge applies policy to what was loaded. Certificates that it keeps with a
// remark and those that it skips are listed; one that is to fail is an error.
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
		return nil, verdicts, nothingLeft(verdicts, policy.Now)
	}
	return sources, verdicts, nil
}

// sourceOf returns what of a bundle is to be installed.
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
			return nil, nil, refusedf("%s: %s: %s", b.Source, c.Subject(), reason)
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

// nothingLeft says why none of the certificates is to be installed. A clock
// that is wrong is the usual reason in a virtual machine.
func nothingLeft(verdicts []verdict, now time.Time) error {
	reasons := map[string]bool{}
	for _, v := range verdicts {
		reasons[v.Reason] = true
	}
	err := refusedf("no certificate is left to install: %s", firstOf(reasons))
	return withHint(err, fmt.Sprintf("certificates were judged at %s: check the date of this machine, or SOURCE_DATE_EPOCH; --expired keep installs them all the same", now.Format(time.DateTime+" MST")))
}

func firstOf(set map[string]bool) string {
	var all []string
	for s := range set {
		all = append(all, s)
	}
	slices.Sort(all)
	if len(all) > 3 {
		all = append(all[:3], "…")
	}
	return strings.Join(all, "; ")
}
