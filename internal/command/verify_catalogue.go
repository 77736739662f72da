package command

import (
	"iter"
	"time"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/probe"
)

// known yields the certificates of every bundle in the catalogue: of each those in
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
				if err == nil && !set.Has(f) && !yield(probe.Known{Bundle: provider.ID, Name: k.Name, Fingerprint: f}) {
					return
				}
			}
		}
	}
}

// newest returns when the catalogue was last looked after: a clock that shows
// an earlier time is wrong.
func newest(catalogue *bundles.Catalogue) time.Time {
	var last time.Time
	for provider := range catalogue.All() {
		if at, err := time.Parse(time.DateOnly, provider.Evidence.Date); err == nil && at.After(last) {
			last = at
		}
	}
	return last
}
