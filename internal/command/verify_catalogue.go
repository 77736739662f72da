package command

import (
	"iter"
	"strings"
	"time"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/command/words"
	"github.com/certgraft/certgraft/probe"
)

// known yields the certificates of each bundle in the catalogue: first those in
// this program, then those of which it has only name and fingerprint.
func known(catalogue *bundles.Catalogue) iter.Seq[probe.Known] {
	return func(yield func(probe.Known) bool) {
		for provider := range catalogue.All() {
			set, _, _ := provider.Snapshot()
			for c := range set.All() {
				if !yield(probe.Known{Bundle: provider.ID, Name: c.Name(), Fingerprint: c.Fingerprint(), Certificate: c}) {
					return
				}
			}
			for _, k := range provider.Known {
				f, err := certs.ParseFingerprint(k.SHA256)
				expires, _ := time.Parse(time.DateOnly, k.NotAfter) // the lint checks it
				if err == nil && !set.Has(f) && !yield(probe.Known{Bundle: provider.ID, Name: k.Name, Fingerprint: f, NotAfter: expires}) {
					return
				}
			}
		}
	}
}

// hinted adds to the cure of an unknown CA the providers that the server seems to
// belong to. A name proves nothing: the hint only says where to look.
func hinted(report *probe.Report, catalogue *bundles.Catalogue) {
	switch report.Verdict.Cause {
	case probe.SelfSigned, probe.UntrustedRoot, probe.UnknownIssuer, probe.MissingIntermediate, probe.PartialChain, probe.Interception:
	default:
		return
	}
	var issuers, ids []string
	for _, c := range report.Chain {
		issuers = append(issuers, c.Issuer)
	}
	for _, p := range catalogue.Resembling(report.Host, issuers) {
		if !strings.Contains(report.Verdict.Cure, p.ID) {
			ids = append(ids, p.ID)
		}
	}
	switch len(ids) {
	case 0:
	case 1:
		report.Verdict.Cure += "; it looks like " + ids[0] + ": certgraft list " + ids[0]
	default:
		report.Verdict.Cure += "; it looks like " + words.Or(ids) + ": certgraft list ID says how to get the CA"
	}
}

// newest returns the date of the last check of the catalogue. A clock before this
// date is wrong.
func newest(catalogue *bundles.Catalogue) time.Time {
	var last time.Time
	for provider := range catalogue.All() {
		if at, err := time.Parse(time.DateOnly, provider.Evidence.Date); err == nil && at.After(last) {
			last = at
		}
	}
	return last
}
