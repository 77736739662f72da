package bundles

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/input"
	"github.com/certgraft/certgraft/internal/order"
)

// LockFile is the default name of a lock.
const LockFile = "certgraft.lock"

// lockVersion is the schema version that this program reads and writes.
const lockVersion = 1

// Lock is the content of a lock file: the certificates of each source. It pins
// the set and not the bytes, which may change without a change of the set.
type Lock struct {
	Version int            `json:"version"`
	Sources []LockedSource `json:"sources"` // by name

	file string // where the lock was read
	dir  string // directory of the lock; names of files are relative to it
}

// LockedSource is the content of one source at the time of the lock.
type LockedSource struct {
	Source       string       `json:"source"`          // a catalogue id, a URL without secrets, or a file, named from the directory of the lock
	URLs         []string     `json:"urls,omitzero"`   // addresses of the download
	SHA256       string       `json:"sha256,omitzero"` // of the bytes, if it was one file
	Set          string       `json:"set"`             // digest of the set of certificates
	Certificates []LockedCert `json:"certificates"`    // by subject
}

// LockedCert is one certificate of a locked source.
type LockedCert struct {
	Fingerprint string    `json:"fingerprint"` // SHA-256 of the DER
	Subject     string    `json:"subject"`
	NotBefore   time.Time `json:"notBefore"`
	NotAfter    time.Time `json:"notAfter"`
}

// Policy says how a source may differ from its lock or from the catalogue.
type Policy string

// The policies.
const (
	Exact     Policy = "exact"     // the locked certificates only
	Additions Policy = "additions" // new ones too; none may be missing
	Any       Policy = "any"       // all certificates of the source
	OnlyKnown Policy = "known"     // without a lock: only certificates in the catalogue, for a catalogue id
)

// Change is the difference between a source and its lock.
type Change struct {
	New  []*certs.Certificate // in the source, not in the lock
	Gone []LockedCert         // in the lock, not in the source
}

// NewLock returns the lock of loaded bundles.
func NewLock(loaded []*Bundle) *Lock {
	l := &Lock{Version: lockVersion, Sources: []LockedSource{}}
	for _, b := range loaded {
		s := LockedSource{Source: b.lockName, URLs: b.URLs, SHA256: b.Digest, Set: b.Certs.Digest(), Certificates: []LockedCert{}}
		for c := range b.Certs.All() {
			s.Certificates = append(s.Certificates, Locked(c))
		}
		order.Sort(s.Certificates, func(a, b LockedCert) int {
			return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Fingerprint, b.Fingerprint))
		})
		l.Sources = append(l.Sources, s)
	}
	order.Sort(l.Sources, func(a, b LockedSource) int { return cmp.Compare(a.Source, b.Source) })
	l.Sources = slices.CompactFunc(l.Sources, func(a, b LockedSource) bool { return a.Source == b.Source })
	return l
}

// Locked returns the entry of a certificate in a lock.
func Locked(c *certs.Certificate) LockedCert {
	return LockedCert{Fingerprint: c.Fingerprint().String(), Subject: c.Subject(), NotBefore: c.NotBefore().UTC(), NotAfter: c.NotAfter().UTC()}
}

// Encode returns the content of the lock file. The same certificates give the
// same bytes.
func (l *Lock) Encode() ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(l)
	return buf.Bytes(), err
}

// ReadLock reads a lock file. The error wraps [ErrRefused] if the file is
// damaged, of a newer version or edited by hand. Unless insecure is set, it
// also refuses an http source.
func ReadLock(ctx context.Context, name string, insecure bool) (*Lock, error) {
	data, err := input.ReadFile(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hint.Add(fmt.Errorf("read the lock: %w", err), "certgraft lock SOURCE… writes one")
	}
	if err != nil {
		return nil, fmt.Errorf("read the lock: %w", err)
	}
	l, err := decodeLock(data)
	if err == nil {
		l.file, l.dir = name, filepath.Dir(name)
		err = l.check(insecure)
	}
	switch {
	case is[hint.Error](err):
		return nil, refusedf("%s: %w", name, err)
	case err != nil:
		return nil, hint.Add(refusedf("%s: %w", name, err), "restore it from version control, or write it anew with certgraft lock SOURCE…")
	}
	return l, nil
}

func decodeLock(data []byte) (*Lock, error) {
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("it is damaged: %w", err)
	}
	if head.Version != lockVersion {
		return nil, fmt.Errorf("its version is %d, this program reads version %d", head.Version, lockVersion)
	}
	var l Lock
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&l); err != nil {
		return nil, fmt.Errorf("it is damaged: %w", err)
	}
	return &l, nil
}

func (l *Lock) check(insecure bool) error {
	if len(l.Sources) == 0 {
		return errors.New("it has no source")
	}
	seen := map[string]bool{}
	for _, s := range l.Sources {
		switch {
		case s.Source == "" || seen[s.Source]:
			return fmt.Errorf("source %q is repeated, or has no name", s.Source)
		case strings.HasPrefix(s.Source, "http://") && !insecure:
			return hint.Add(fmt.Errorf("source %s is http, which anyone on the way can change", s.Source), "lock its https URL, or allow http with --insecure: the certificates are still compared with the lock")
		}
		seen[s.Source] = true
		if err := s.check(); err != nil {
			return fmt.Errorf("source %s: %w", s.Source, err)
		}
	}
	return nil
}

// check refuses invalid certificates, and recomputes the digest of the set.
func (s LockedSource) check() error {
	if len(s.Certificates) == 0 {
		return errors.New("it has no certificate")
	}
	var prints []certs.Fingerprint
	for _, c := range s.Certificates {
		f, err := certs.ParseFingerprint(c.Fingerprint)
		if err != nil || slices.Contains(prints, f) {
			return fmt.Errorf("%q is not a fingerprint, or is repeated", c.Fingerprint)
		}
		prints = append(prints, f)
	}
	if got := certs.SetDigest(slices.Values(prints)); got != s.Set {
		return fmt.Errorf("its set digest is %s, and its certificates have %s: it was edited by hand", s.Set, got)
	}
	return nil
}

// Names returns arguments to load the sources again. Files are relative to the
// working directory.
func (l *Lock) Names() []string {
	var names []string
	for _, s := range l.Sources {
		name := s.Source
		if l.dir != "." && (strings.HasPrefix(name, "./") || strings.HasPrefix(name, "../")) {
			name = dotted(relative(".", filepath.Join(l.dir, name)))
		}
		names = append(names, name)
	}
	return names
}

func (l *Lock) find(name string) (LockedSource, bool) {
	i := slices.IndexFunc(l.Sources, func(s LockedSource) bool { return s.Source == name })
	if i < 0 {
		return LockedSource{}, false
	}
	return l.Sources[i], true
}

// Compare returns the difference between a source and its lock. Without a lock,
// all certificates are new.
func (l *Lock) Compare(b *Bundle) Change {
	locked, _ := l.find(b.lockName)
	return locked.compare(b.Certs)
}

func (s LockedSource) compare(now *certs.Set) Change {
	var change Change
	was := map[certs.Fingerprint]bool{}
	for _, c := range s.Certificates {
		f, _ := certs.ParseFingerprint(c.Fingerprint) // checked when the lock was read
		was[f] = true
		if !now.Has(f) {
			change.Gone = append(change.Gone, c)
		}
	}
	for c := range now.All() {
		if !was[c.Fingerprint()] {
			change.New = append(change.New, c)
		}
	}
	return change
}

// lockName returns the name of a source in a lock: the argument without
// secrets, aliases and redundant parts of a path. A file is relative to the
// directory of the lock, so the lock means the same file from any working
// directory.
func (s *source) lockName() string {
	if s.path == "" {
		return s.public()
	}
	name := s.path
	if !filepath.IsAbs(name) && s.lockDir != "" && s.lockDir != "." {
		name = relative(s.lockDir, name)
	}
	return dotted(filepath.ToSlash(filepath.Clean(name)))
}

// dotted returns the name of a file in a form that no catalogue id has.
func dotted(name string) string {
	if path.IsAbs(name) || strings.HasPrefix(name, "../") {
		return name
	}
	return "./" + name
}

// relative returns the path of a file relative to a directory. Both may be
// absolute, or relative to the working directory.
func relative(dir, name string) string {
	from, err := filepath.Abs(dir)
	to, err2 := filepath.Abs(name)
	if err != nil || err2 != nil {
		return name
	}
	if rel, err := filepath.Rel(from, to); err == nil {
		return rel
	}
	return to
}

// lockDir is the directory of the lock that is read or will be written.
func (opt Options) lockDir() string {
	switch {
	case opt.Lock != nil:
		return opt.Lock.dir
	case opt.ToLock != "":
		return filepath.Dir(opt.ToLock)
	}
	return ""
}

// checkLocked refuses a source that is not in the lock, or cannot be locked.
func (opt Options) checkLocked(s *source) error {
	switch {
	case opt.Lock == nil && opt.ToLock == "":
		return nil
	case s.stdin:
		return hint.Add(usagef("standard input cannot be locked"), "write it to a file, and name that")
	case opt.ToLock != "":
		return s.checkRefetch()
	}
	if _, ok := opt.Lock.find(s.lockName()); !ok {
		return hint.Add(refusedf("%s is not in the lock", s.spec), "add it: "+opt.Lock.with(*s))
	}
	return nil
}

// with is the command, in the working directory, that locks a source beside the
// others.
func (l *Lock) with(s source) string {
	command := "certgraft lock "
	if filepath.Clean(l.file) != LockFile {
		command += "--lock " + l.file + " "
	}
	s.lockDir = ""
	return command + strings.Join(append(l.Names(), s.lockName()), " ")
}

// checkRefetch refuses a URL with secrets: a lock leaves them out, so nobody
// could download the URL from the lock.
func (s *source) checkRefetch() error {
	u, err := url.Parse(s.url)
	if err != nil || u.User == nil && u.RawQuery == "" && !u.ForceQuery {
		return nil
	}
	return hint.Add(usagef("%s cannot be locked: a lock holds no query, user or password, and the rest of the URL is not enough to download it again", s.spec),
		"lock a file: certgraft bundle --output ca.pem SOURCE, then certgraft lock ./ca.pem")
}
