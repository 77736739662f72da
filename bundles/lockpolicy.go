package bundles

import (
	"errors"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/hint"
)

// loadLocked loads a source and makes of it what the policy allows.
func (l *loader) loadLocked(s *source, load func() (*Bundle, error)) (*Bundle, error) {
	locked, _ := l.opt.Lock.find(s.lockName()) // checked before
	elsewhere := &kept{}
	if l.exact() {
		elsewhere = l.elsewhere(s, locked) // before a download replaces what the cache holds
	}
	b, err := load()
	switch {
	case err != nil:
		if b = s.standIn(locked, elsewhere, err); b == nil {
			return nil, err
		}
	case s.pinSet != "" || s.pinBytes != "" || s.entryPin() != "":
		elsewhere = &kept{} // what else is kept is not what is pinned
	}
	return b, l.applyLock(b, locked, elsewhere)
}

// kept is what the cache and the snapshot have of a locked source.
type kept struct{ cache, snapshot certs.Set }

// get returns a certificate and where it is kept, or nil.
func (k *kept) get(f certs.Fingerprint) (*certs.Certificate, Origin) {
	switch {
	case k.cache.Has(f):
		return k.cache.Get(f), Cache
	case k.snapshot.Has(f):
		return k.snapshot.Get(f), Snapshot
	}
	return nil, ""
}

func (l *loader) exact() bool { return l.opt.Policy == Exact || l.opt.Policy == "" }

// applyLock takes out of a bundle what the policy does not allow.
func (l *loader) applyLock(b *Bundle, locked LockedSource, elsewhere *kept) error {
	change := locked.compare(b.Certs)
	switch {
	case l.exact():
		return l.applyExact(b, locked, change, elsewhere)
	case l.opt.Policy == Additions && len(change.Gone) > 0:
		return b.goneError(change.Gone)
	}
	b.note("new since it was locked, installed", newNames(change.New))
	b.note(b.lacks("locked and gone"), goneNames(change.Gone))
	return nil
}

// applyExact picks the locked certificates out of what was loaded, else of what
// was kept, and keeps them for the next time.
func (l *loader) applyExact(b *Bundle, locked LockedSource, change Change, elsewhere *kept) error {
	exact := &certs.Set{}
	var nowhere, stood []LockedCert
	for _, c := range locked.Certificates {
		f, _ := certs.ParseFingerprint(c.Fingerprint) // checked when the lock was read
		spare, _ := elsewhere.get(f)
		switch {
		case b.Certs.Has(f):
			exact.Add(b.Certs.Get(f), b.Source)
		case spare != nil:
			exact.Add(spare, b.Source)
			stood = append(stood, c)
		default:
			nowhere = append(nowhere, c)
		}
	}
	if len(nowhere) > 0 {
		return b.goneError(nowhere)
	}
	b.note("new since it was locked, left out", newNames(change.New))
	b.note(b.lacks("gone since it was locked")+", taken from the cache or the snapshot", goneNames(stood))
	b.Certs = exact
	if len(b.URLs) > 0 {
		l.fetcher.cache.write(setAddress(locked), nil, exact.AppendPEM(nil))
	}
	return nil
}

// setAddress is the name under which the cache keeps a locked set.
func setAddress(locked LockedSource) string { return "set:" + locked.Set }

// elsewhere returns what the cache and the snapshot have of a source.
func (l *loader) elsewhere(s *source, locked LockedSource) *kept {
	all := &kept{}
	if s.path != "" || l.opt.NoFallback {
		return all
	}
	if entry, ok := l.fetcher.cache.read(setAddress(locked)); ok {
		taken, _, _ := certs.ParseAll(entry.body) // a damaged one is as good as none
		for _, c := range taken {
			all.cache.Add(c, "")
		}
	}
	urls := []string{s.url}
	if s.provider != nil {
		urls, _ = s.provider.urls(s.region) // checked when the argument was parsed
		snapshot, _, _ := s.provider.Snapshot()
		for c := range snapshot.All() {
			all.snapshot.Add(c, "")
		}
	}
	if cached, err := l.fromCache(s, urls); err == nil {
		for c := range cached.Certs.All() {
			all.cache.Add(c, "")
		}
	}
	return all
}

// standIn returns a bundle of what is kept, if the source could only not be
// reached, all that is locked is kept, and it is what the argument pins. It is
// from the snapshot if that had to help.
func (s *source) standIn(locked LockedSource, elsewhere *kept, cause error) *Bundle {
	if !errors.Is(cause, ErrUnreachable) && !canFallBack(cause) || s.pinBytes != "" {
		return nil // of what is kept nobody knows the bytes
	}
	b := s.newBundle(Cache)
	b.URLs = locked.URLs
	for _, c := range locked.Certificates {
		f, _ := certs.ParseFingerprint(c.Fingerprint) // checked when the lock was read
		found, origin := elsewhere.get(f)
		if found == nil {
			return nil
		}
		if origin == Snapshot {
			b.Origin = Snapshot
		}
		b.Certs.Add(found, b.Source)
	}
	if pinned(b, s) != nil {
		return nil
	}
	b.lockName = s.lockName()
	b.warn("the locked certificates are used as they were kept: %s", reason(cause))
	return b
}

func (b *Bundle) note(what string, names []string) {
	if len(names) > 0 {
		b.warn("%s: %s", what, strings.Join(names, "; "))
	}
}

func newNames(list []*certs.Certificate) []string {
	var names []string
	for _, c := range list {
		names = append(names, c.Subject())
	}
	return names
}

func goneNames(list []LockedCert) []string {
	var names []string
	for _, c := range list {
		names = append(names, c.Subject+" ("+c.Fingerprint[:16]+"…)")
	}
	return slices.Clip(names)
}

// lacks says of certificates that they are gone, if the source was asked.
func (b *Bundle) lacks(gone string) string {
	if b.standsIn == nil {
		return gone
	}
	return "locked, and lacking in " + b.Origin.words()
}

func (b *Bundle) goneError(gone []LockedCert) error {
	names := strings.Join(goneNames(gone), "; ")
	if b.standsIn != nil {
		return notAsked(b.standsIn, b.Origin.words()+" lacks locked certificates: "+names)
	}
	return hint.Add(refusedf("the lock has what the source no longer has: %s", names),
		"look at what changed (certgraft lock --check), and take it over with certgraft lock --update")
}
