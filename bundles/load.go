// Package bundles gets certificates from a catalogue of providers, https URLs,
// files, directories and standard input.
//
// Start with [Load]. It downloads all sources at once, and returns a [Bundle]
// for each argument: the certificates, their origin, and findings for the user.
// [Catalog] lists the providers.
//
// If the network fails, Load takes the cache, or, for a catalogue id, the
// snapshot in this program. It does not do so for a download that is not
// certificates.
//
// The API may change before version 1.0.
package bundles

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/keystore"
)

// Options say how sources are read. The zero value downloads with the system's
// CAs, without a cache, within one minute.
type Options struct {
	Stdin      io.Reader
	Catalog    []string // files with more entries
	Dir        string   // directory from which the sources name files; "" is the working directory
	Cache      string   // directory that keeps downloads; "" for none
	Offline    bool     // cache and snapshots only
	NoFallback bool     // neither cache nor snapshot when a download fails
	Insecure   bool     // allow http URLs
	Password   string   // of keystores, tried after no password and Java's default
	DownloadCA []string // PEM files with more CAs for downloads
	Timeout    time.Duration
	Logger     *slog.Logger
	Lock       *Lock                               // allowed content of the sources; every source must be in it
	Policy     Policy                              // for the lock; "" is Exact
	ToLock     string                              // the lock that will name the sources: refuse a source that cannot be locked
	Progress   func(url string, done, total int64) // total is -1 if unknown
	Transport  http.RoundTripper                   // nil for a real one
}

// Origin says where the certificates of a bundle came from.
type Origin string

// The origins.
const (
	Download Origin = "download"
	Cache    Origin = "cache"
	Snapshot Origin = "snapshot"
	File     Origin = "file"
	Stdin    Origin = "stdin"
)

// Bundle is the content of one source.
type Bundle struct {
	Source   string // public name, as in the record: aws-rds:eu-west-1, corp.pem, stdin, a URL without secrets
	Anchor   string // name for anchor files: aws-rds, corp, stdin, the host of a URL
	Origin   Origin
	URLs     []string // downloads, or the URLs that the cache or snapshot replaces, without secrets
	Digest   string   // SHA-256 of the bytes in hexadecimal, if the source is one file
	Certs    *certs.Set
	Findings []Finding
	Warnings []string
	New      []*certs.Certificate // in a download, but not in the catalogue
	Gone     []Known              // in the catalogue, but no longer in the download

	path     string // of the only file, for hints
	password string // of a keystore
	lockName string
	standsIn error // why it is not a download, or nil
}

// Finding is an oddity in a file of a source.
type Finding struct {
	File string // base name or URL; "" if the source is one file
	*certs.Finding
}

// loader is one call of Load.
type loader struct {
	opt     Options
	fetcher *fetcher
}

// Load reads the sources of specs concurrently, and returns a bundle for each
// in the same order. The error joins all failures. Each wraps [ErrUsage],
// [ErrRefused] or [ErrUnreachable], or none of them if a local file cannot be
// read. Load also returns the bundles that succeeded, with nil in the places of
// the others.
func Load(ctx context.Context, opt Options, specs ...string) ([]*Bundle, error) {
	catalogue, err := Catalog(ctx, opt)
	if err != nil {
		return nil, err
	}
	sources, err := parseAll(catalogue, opt, specs)
	if err != nil {
		return nil, err
	}
	fetcher, err := newFetcher(ctx, opt, sources)
	if err != nil {
		return nil, err
	}
	downloads, cancel := context.WithTimeoutCause(ctx, opt.timeout(), errTimeout)
	defer cancel()
	l := &loader{opt: opt, fetcher: fetcher}
	loaded := make([]*Bundle, len(sources))
	errs := make([]error, len(sources))
	var wg sync.WaitGroup
	for i, s := range sources {
		within := downloads
		if s.stdin {
			within = ctx // the writer of standard input has no time limit
		}
		wg.Go(func() { loaded[i], errs[i] = l.load(within, s) })
	}
	wg.Wait()
	return loaded, errors.Join(errs...)
}

var errTimeout = errors.New("the downloads timed out")

func (opt Options) timeout() time.Duration {
	if opt.Timeout <= 0 {
		return time.Minute
	}
	return opt.Timeout
}

func parseAll(c *Catalogue, opt Options, specs []string) ([]*source, error) {
	var sources []*source
	var errs []error
	stdin := false
	for _, spec := range specs {
		s, err := parseSource(c, spec, opt)
		if s != nil {
			s.lockDir = opt.lockDir()
		}
		if err == nil && s.stdin && stdin {
			err = usagef("standard input is named twice")
		}
		if err == nil {
			err = errors.Join(s.checkPin(), opt.checkLocked(s), opt.checkKnown(s))
		}
		if s != nil {
			s.password = opt.Password
		}
		errs = append(errs, err)
		sources = append(sources, s)
		stdin = stdin || err == nil && s.stdin
	}
	return sources, errors.Join(errs...)
}

// Record describes a source for a search in the record of a root.
type Record struct {
	Name         string              // public name
	Set          string              // the set digest that the argument pins, or ""
	Fingerprints []certs.Fingerprint // of an existing file or directory
	Unknown      error               // why Name, the argument itself, is not a source now
}

// Recorded returns the record of an installed source. It downloads nothing. The
// record may have a name that is neither in the catalogue nor a file: stdin, a
// deleted file, an id of another catalogue.
func Recorded(ctx context.Context, opt Options, spec string) (Record, error) {
	catalogue, err := Catalog(ctx, opt)
	if err != nil {
		return Record{}, err
	}
	s, err := parseSource(catalogue, spec, opt)
	if err != nil {
		return Record{Name: spec, Unknown: err}, nil
	}
	out := Record{Name: s.public(), Set: s.pinSet}
	if s.path == "" {
		return out, nil
	}
	l := &loader{opt: opt}
	if b, err := l.loadPath(ctx, s); err == nil {
		for c := range b.Certs.All() {
			out.Fingerprints = append(out.Fingerprints, c.Fingerprint())
		}
	}
	return out, nil
}

func (l *loader) load(ctx context.Context, s *source) (*Bundle, error) {
	read := func() (*Bundle, error) { return l.read(ctx, s) }
	var b *Bundle
	var err error
	if l.opt.Lock != nil {
		b, err = l.loadLocked(s, read)
	} else {
		b, err = read()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.spec, err)
	}
	return b, nil
}

// read returns the content of the source, if it matches the pin.
func (l *loader) read(ctx context.Context, s *source) (b *Bundle, err error) {
	switch {
	case s.stdin:
		b, err = l.loadStdin(ctx, s)
	case s.path != "":
		b, err = l.loadPath(ctx, s)
	default:
		b, err = l.loadURLs(ctx, s)
	}
	if err != nil {
		return nil, err
	}
	b.lockName = s.lockName()
	return b, b.checkSet(s.pinSet)
}

// newBundle returns an empty bundle for s.
func (s *source) newBundle(origin Origin) *Bundle {
	b := &Bundle{Source: s.public(), Anchor: s.anchor(), Origin: origin, Certs: &certs.Set{}, path: s.path, password: s.password}
	if s.provider != nil && s.provider.Warning != "" {
		b.warn("%s", s.provider.Warning)
	}
	return b
}

// add parses one file of the source. The error wraps [ErrRefused].
func (b *Bundle) add(file string, data []byte) error {
	return wrongPassword(refusal(file, b.path, b.parse(file, data)))
}

// wrongPassword adds a hint about the password of a keystore.
func wrongPassword(err error) error {
	if errors.Is(err, keystore.ErrPassword) {
		return hint.Add(err, "give its password with --source-password-file FILE")
	}
	return err
}

func (b *Bundle) parse(file string, data []byte) error {
	taken, findings, err := parseContent(data, b.password)
	if err != nil {
		return err
	}
	for _, c := range taken {
		b.Certs.Add(c, b.Source)
	}
	for _, f := range findings {
		b.Findings = append(b.Findings, Finding{File: file, Finding: f})
	}
	return nil
}
