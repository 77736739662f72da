package bundles

import (
	"errors"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/hint"
)

// loadLocked loads a source and applies the policy.
func (l *loader) loadLocked(s *source, load func() (*Bundle, error)) (*Bundle, error) {
	locked, _ := l.opt.Lock.find(s.lockName()) // exists: the argument was checked
	elsewhere := &kept{}
	if l.exact() {
		elsewhere = l.elsewhere(s, locked) // read before a download replaces the cache
	}
	b, err := load()
	switch {
	case err != nil:
		if b = s.standIn(locked, elsewhere, err); b == nil {
			return nil, err
		}
	case s.pinSet != "" || s.pinBytes != "" || s.entryPin() != "":
		elsewhere = &kept{} // the kept certificates may not match the pin
	}
	return b, l.applyLock(b, locked, elsewhere)
}

// kept holds the certificates of the cache and the snapshot for a source.
type kept struct{ cache, snapshot certs.Set }

// get returns a certificate and its origin, or nil.
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

// applyLock applies the policy to a bundle: it reports, removes or refuses
// differences from the lock.
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

// applyExact takes the locked certificates from the bundle, else from the cache
// or the snapshot, and keeps them in the cache.
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

// elsewhere returns the certificates of the cache and the snapshot for a source.
func (l *loader) elsewhere(s *source, locked LockedSource) *kept {
	all := &kept{}
	if s.path != "" || l.opt.NoFallback {
		return all
	}
	if entry, ok := l.fetcher.cache.read(setAddress(locked)); ok {
		taken, _, _ := certs.ParseAll(entry.body) // a damaged set counts as missing
		for _, c := range taken {
			all.cache.Add(c, "")
		}
	}
	urls := []string{s.url}
	if s.provider != nil {
		urls, _ = s.provider.urls(s.region) // valid: the argument was checked
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

// standIn returns a bundle from the cache and the snapshot. The source must be
// unreachable, all locked certificates must be kept, and they must match the pin.
// The origin is the snapshot if it has any of them.
func (s *source) standIn(locked LockedSource, elsewhere *kept, cause error) *Bundle {
	if !errors.Is(cause, ErrUnreachable) && !canFallBack(cause) || s.pinBytes != "" {
		return nil // the kept certificates are not the pinned bytes
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

// lacks returns gone if the source was reached. Else it names the cache or the
// snapshot.
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
