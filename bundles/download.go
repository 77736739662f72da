package bundles

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/hint"
)

// loadURLs gets the bundle of a URL or a catalogue id. It downloads the bundle.
// If that fails, it takes the cache, then, for an id, the snapshot.
func (l *loader) loadURLs(ctx context.Context, s *source) (*Bundle, error) {
	urls := []string{s.url}
	if s.provider != nil {
		urls, _ = s.provider.urls(s.region) // valid: the argument was checked
	}
	if len(urls) == 0 {
		return s.packaged()
	}
	if l.opt.Offline {
		return l.fallback(s, urls, errOffline)
	}
	b, err := l.download(ctx, s, urls)
	if err == nil {
		err = l.vouched(b, s)
	}
	switch {
	case err == nil:
		l.compare(b, s)
		return b, nil
	case !canFallBack(err):
		return nil, err
	case l.opt.NoFallback:
		return nil, advised(err)
	}
	return l.fallback(s, urls, err)
}

// located adds the address to the error of a download, unless the argument has
// it. It adds a hint if the address is wrong.
func (s *source) located(address string, err error) error {
	advice := "check the address, or look for the new one on the publisher's page"
	if s.provider != nil {
		advice = "look for the new address on the publisher's page, which certgraft list " + s.provider.ID + " names"
		err = fmt.Errorf("get %s: %w", redact(address), err)
	}
	if errors.Is(err, errNotServed) {
		return hint.Add(err, advice)
	}
	return err
}

// packaged returns the bundle of a provider without a URL: the snapshot in this
// program.
func (s *source) packaged() (*Bundle, error) {
	b, err := s.fromSnapshot()
	if err != nil {
		return nil, hint.Add(unreachablef("%w", err), "get the file from the provider and name it: "+s.provider.Homepage)
	}
	return b, pinned(b, s)
}

var errOffline = errors.New("--offline forbids the network")

func canFallBack(err error) bool {
	return errors.Is(err, errTransient) || errors.Is(err, errPin)
}

func (l *loader) download(ctx context.Context, s *source, urls []string) (*Bundle, error) {
	b := s.newBundle(Download)
	for _, address := range urls {
		b.URLs = append(b.URLs, redact(address))
		data, err := l.fetcher.get(ctx, address)
		if err != nil {
			return nil, s.located(address, err)
		}
		if err := b.addDownload(s, urls, address, data); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// addDownload parses the body of one URL. It refuses a body that ends within a
// certificate; a file of the user may end so.
func (b *Bundle) addDownload(s *source, urls []string, address string, data []byte) error {
	name := ""
	if len(urls) > 1 {
		name = redact(address)
	} else {
		b.Digest = digest(data)
		if s.pinBytes != "" && b.Digest != s.pinBytes {
			return wrongBytes(b.Digest, s.pinBytes)
		}
	}
	before := len(b.Findings)
	if err := b.add(name, data); err != nil {
		return err
	}
	for _, f := range b.Findings[before:] {
		if errors.Is(f.Finding, certs.ErrTruncated) {
			return hint.Add(refusedf("the download is truncated: %w", f.Finding), "run it again; if it stays so, tell the publisher")
		}
	}
	return nil
}

// fallback returns the bundle from the cache or the snapshot.
func (l *loader) fallback(s *source, urls []string, cause error) (*Bundle, error) {
	b, err := l.standby(s, urls)
	if err != nil {
		return nil, noFallback(cause, err)
	}
	b.standsIn = cause
	if !errors.Is(cause, errOffline) {
		b.Warnings = slices.Insert(b.Warnings, 0, b.Origin.words()+" is used: "+reason(cause))
	}
	return b, nil
}

// standby returns the cache's bundle, or, for an id, the snapshot. The error
// says why both failed.
func (l *loader) standby(s *source, urls []string) (*Bundle, error) {
	b, notCached := l.fromCache(s, urls)
	if notCached == nil || s.provider == nil {
		return b, notCached
	}
	b, err := s.fromSnapshot()
	if err == nil {
		err = pinned(b, s)
	}
	if err != nil && !errors.Is(notCached, errNoCache) && !errors.Is(notCached, errNotCached) {
		err = fmt.Errorf("%w; %w", notCached, err)
	}
	return b, err
}

// noFallback is the error if neither cache nor snapshot replaces a download.
// The cause of the failed download comes first. Without a download, a refused
// cache or snapshot is itself the error.
func noFallback(cause, why error) error {
	switch offline := errors.Is(cause, errOffline); {
	case errors.Is(cause, errPin):
		return cause
	case offline && errors.Is(why, ErrRefused):
		return why
	case offline:
		return notAsked(cause, why.Error())
	case errors.Is(why, errNoCache):
		return advised(cause)
	}
	err := unreachablef("%w; %s", cause, why)
	if refused, ok := errors.AsType[hint.Error](why); ok && !errors.Is(why, errPin) { // not if the pin mismatched: it may be right
		err = hint.Add(err, refused.Hint())
	}
	return hint.Add(err, advice(cause))
}

// notAsked is the error of a source that was not reached, if its replacement
// lacks something.
func notAsked(cause error, why string) error {
	if errors.Is(cause, errOffline) {
		return hint.Add(unreachablef("%w; %s", cause, why), "run it once with a network and --cache DIR, or name the file itself")
	}
	return unreachablef("%w; %s", advised(cause), why)
}

// advised adds a hint to the error of a failed download.
func advised(err error) error { return hint.Add(err, advice(err)) }

// advice returns the hint of the error, or a general one.
func advice(err error) string {
	if known := hint.Of(err); len(known) > 0 {
		return known[0]
	}
	return "check the network and the proxy (https_proxy), or download the file elsewhere and name it"
}

// reason says on one line why a download failed. For a TLS failure it adds the
// usual cure: a warning has no hint below it.
func reason(cause error) string {
	text := strings.TrimSpace(cause.Error())
	if is[*tls.CertificateVerificationError](cause) || is[x509.UnknownAuthorityError](cause) {
		text += "; " + proxyHint
	}
	return text
}

// Reasons why the cache does not help.
var (
	errNoCache   = errors.New("there is no cache")
	errNotCached = errors.New("the cache does not have it")
)

// fromCache returns the bundle from the cache, if the cache has all its files
// and they match the pin.
func (l *loader) fromCache(s *source, urls []string) (*Bundle, error) {
	if l.opt.Cache == "" {
		return nil, errNoCache
	}
	b := s.newBundle(Cache)
	for _, address := range urls {
		b.URLs = append(b.URLs, redact(address))
		entry, ok := l.fetcher.cache.read(address)
		if !ok {
			return nil, errNotCached
		}
		if err := b.addDownload(s, urls, address, entry.body); err != nil {
			return nil, fmt.Errorf("in the cache: %w", err)
		}
	}
	if err := l.vouched(b, s); err != nil {
		return nil, err
	}
	l.compare(b, s)
	return b, nil
}

// vouched refuses a bundle that does not match its pin, or shares no
// certificate with the catalogue.
func (l *loader) vouched(b *Bundle, s *source) error {
	if err := pinned(b, s); err != nil {
		return err
	}
	return l.gate(b, s)
}

func (b *Bundle) warn(format string, args ...any) {
	b.Warnings = append(b.Warnings, fmt.Sprintf(format, args...))
}

// compare reports new and missing certificates, compared with the catalogue.
// With a lock it does nothing: the lock is compared instead.
func (l *loader) compare(b *Bundle, s *source) {
	if s.provider == nil || l.opt.Lock != nil {
		return
	}
	known := s.provider.known(s.region)
	seen := map[certs.Fingerprint]bool{}
	var fresh, gone []string
	for _, k := range known {
		seen[k.fingerprint()] = true
		if !b.Certs.Has(k.fingerprint()) {
			b.Gone = append(b.Gone, k)
			gone = append(gone, k.Name)
		}
	}
	if s.provider.ID == mozillaID { // the catalogue does not list Mozilla's roots
		gone = b.lacksMozilla()
	}
	for c := range b.Certs.All() {
		if !seen[c.Fingerprint()] && len(known) > 0 && !s.provider.Evidence.Partial {
			b.New = append(b.New, c)
			fresh = append(fresh, c.Name())
		}
	}
	if len(fresh) > 0 && l.opt.Policy != OnlyKnown {
		b.warn("new since this program was made: %s", strings.Join(fresh, "; "))
	}
	if len(gone) > 0 {
		b.warn("no longer published, though this program knows them: %s", strings.Join(gone, "; "))
	}
	l.onlyKnown(b, s)
}
