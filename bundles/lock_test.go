package bundles

import (
	"bytes"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/roottest"
)

// lockOf returns the lock of a file.
func lockOf(t *testing.T, opt Options, specs ...string) *Lock {
	t.Helper()
	loaded, err := Load(t.Context(), opt, specs...)
	if err != nil {
		t.Fatal(err)
	}
	return NewLock(loaded)
}

func encoded(t *testing.T, l *Lock) string {
	t.Helper()
	data, err := l.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// The result of each policy for a source that gained, lost or exchanged a
// certificate since the lock.
func TestLockPolicies(t *testing.T) {
	a, b, c := roottest.NewCA(t, "A"), roottest.NewCA(t, "B"), roottest.NewCA(t, "C")
	file := filepath.Join(t.TempDir(), "corp.pem")
	write(t, file, a.PEM()+b.PEM())
	lock := lockOf(t, Options{}, file)
	for _, test := range []struct {
		policy  Policy
		now     string
		want    string // names, "" for a refusal
		warning string
	}{
		{"", b.PEM() + a.PEM(), "B A", ""},
		{Exact, a.PEM() + b.PEM(), "A B", ""},
		{Exact, c.PEM() + a.PEM() + b.PEM(), "A B", "left out: CN=C"},
		{Exact, a.PEM(), "", ""},
		{Additions, a.PEM() + b.PEM() + c.PEM(), "A B C", "installed: CN=C"},
		{Additions, a.PEM() + c.PEM(), "", ""},
		{Any, a.PEM() + c.PEM(), "A C", "locked and gone: CN=B"},
	} {
		write(t, file, test.now)
		loaded, err := Load(t.Context(), Options{Lock: lock, Policy: test.policy}, file)
		if test.want == "" {
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "CN=B") || !strings.Contains(hintOf(err), "--update") {
				t.Errorf("%s: %v: %s", test.policy, err, hintOf(err))
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.policy, err)
			continue
		}
		names := strings.Fields(commonNames(loaded[0]))
		want := strings.Fields(test.want)
		slices.Sort(names)
		slices.Sort(want)
		if text := strings.Join(loaded[0].Warnings, "\n"); !slices.Equal(names, want) || !strings.Contains(text, test.warning) || test.warning == "" && text != "" {
			t.Errorf("%s: %q, warnings %q", test.policy, names, text)
		}
	}
}

// If upstream has removed locked certificates, they come from the snapshot.
func TestLockFromSnapshot(t *testing.T) {
	lock := lockOf(t, Options{Offline: true}, "rds:eu-west-1")
	if lock.Sources[0].Source != "aws-rds:eu-west-1" {
		t.Fatalf("%q", lock.Sources[0].Source)
	}
	s := &server{answers: list(answer(200, roottest.NewCA(t, "Moved").PEM()))}
	loaded, err := Load(t.Context(), Options{Lock: lock, Transport: s}, "aws-rds:eu-west-1")
	if err != nil {
		t.Fatal(err)
	}
	if got := loaded[0].Certs.Digest(); got != lock.Sources[0].Set {
		t.Errorf("set %s, locked %s", got, lock.Sources[0].Set)
	}
	if text := strings.Join(loaded[0].Warnings, "\n"); !strings.Contains(text, "left out: CN=Moved") || !strings.Contains(text, "taken from the cache or the snapshot: ") {
		t.Error(text)
	}
}

// Locked certificates come from the cache, even if a run without the lock
// replaced the download in it, or if the source no longer exists.
func TestLockFromCache(t *testing.T) {
	a, b := roottest.NewCA(t, "A"), roottest.NewCA(t, "B")
	const address = "https://ca.example.com/ca.pem"
	s := &server{answers: list(answer(200, a.PEM()), answer(200, a.PEM()), answer(200, b.PEM()), answer(200, b.PEM()), answer(404, ""))}
	opt := Options{Transport: s, Cache: t.TempDir()}
	lock := lockOf(t, opt, address)
	load := func(lock *Lock) (string, error) {
		opt := opt
		opt.Lock = lock
		loaded, err := Load(t.Context(), opt, address)
		if err != nil {
			return "", err
		}
		return commonNames(loaded[0]), nil
	}
	for i, want := range []struct {
		lock  *Lock
		names string
	}{{lock, "A"}, {nil, "B"}, {lock, "A"}, {lock, "A"}} {
		if names, err := load(want.lock); names != want.names {
			t.Errorf("load %d: %q %v, want %s", i, names, err, want.names)
		}
	}
	opt.Cache, opt.NoFallback = "", true
	if names, err := load(lock); !errors.Is(err, ErrUnreachable) {
		t.Errorf("without a cache: %q %v", names, err)
	}
}

func TestLockNeedsEverySource(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "a.pem"), roottest.NewCA(t, "A").PEM())
	other := write(t, filepath.Join(t.TempDir(), "b.pem"), roottest.NewCA(t, "B").PEM())
	lock := lockOf(t, Options{}, file)
	if _, err := Load(t.Context(), Options{Lock: lock}, other); !errors.Is(err, ErrRefused) || !strings.Contains(hintOf(err), "certgraft lock ") {
		t.Errorf("%v: %s", err, hintOf(err))
	}
	if _, err := Load(t.Context(), Options{Lock: lock, Stdin: strings.NewReader("")}, "-"); !errors.Is(err, ErrUsage) {
		t.Error(err)
	}
}

// A lock is read as written, and an invalid one is refused.
func TestReadLock(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.pem"), roottest.NewCA(t, "A").PEM()+roottest.NewCA(t, "B").PEM())
	t.Chdir(dir)
	lock := lockOf(t, Options{}, "./a.pem")
	text := encoded(t, lock)
	if lock.Sources[0].Source != "./a.pem" || text != encoded(t, lockOf(t, Options{}, "a.pem")) {
		t.Errorf("the same source is locked otherwise: %s", text)
	}
	name := write(t, filepath.Join(dir, LockFile), text)
	again, err := ReadLock(t.Context(), name, false)
	if err != nil || encoded(t, again) != text {
		t.Errorf("%v: %s", err, encoded(t, again))
	}
	print := lock.Sources[0].Certificates[0].Fingerprint
	for what, broken := range map[string]string{
		"truncated":          text[:len(text)/2],
		"empty":              "",
		"a newer version":    strings.Replace(text, `"version": 1`, `"version": 2`, 1),
		"an unknown field":   strings.Replace(text, `"version": 1`, `"version": 1, "x": 1`, 1),
		"a wrong digest":     strings.Replace(text, lock.Sources[0].Set, strings.Repeat("0", 64), 1),
		"an edited print":    strings.Replace(text, print, strings.Repeat("0", 64), 1),
		"no print":           strings.Replace(text, print, "x", 1),
		"http":               strings.Replace(text, `"./a.pem"`, `"http://example.com/a.pem"`, 1),
		"no name":            strings.Replace(text, `"./a.pem"`, `""`, 1),
		"the same source":    strings.Replace(text, `"sources": [`, `"sources": [`+strings.TrimSuffix(text[strings.Index(text, "[")+1:strings.LastIndex(text, "]")], "\n")+",", 1),
		"not even an object": "[]",
	} {
		write(t, name, broken)
		if _, err := ReadLock(t.Context(), name, false); !errors.Is(err, ErrRefused) || hintOf(err) == "" || !strings.Contains(err.Error(), LockFile) {
			t.Errorf("%s: %v", what, err)
		}
	}
	write(t, name, strings.Replace(text, `"./a.pem"`, `"http://example.com/a.pem"`, 1))
	if _, err := ReadLock(t.Context(), name, true); err != nil {
		t.Errorf("http with insecure: %v", err)
	}
	if _, err := ReadLock(t.Context(), filepath.Join(dir, "nowhere"), false); err == nil || errors.Is(err, ErrRefused) || hintOf(err) == "" {
		t.Error(err)
	}
}

// history has every known state of the RDS bundle, oldest first.
var history = []string{
	"2019-06_18-certs/rds-combined-ca-bundle.pem", "2019-07_23-certs/rds-combined-ca-bundle.pem", "2019-09_33-certs/rds-combined-ca-bundle.pem",
	"2020-03_45-certs/rds-combined-ca-bundle.pem", "2022-02_102-certs/global-bundle.pem", "castore-2023-04_93-certs/global-bundle.pem",
	"2023-07_118-certs/global-bundle.pem", "castore-2023-08_96-certs/global-bundle.pem", "2023-10_118-certs-crlf/global-bundle.pem",
	"2024-06_121-certs/global-bundle.pem", "2024-10-28_109-certs/rds-global-bundle.pem", "2024-12_102-certs/global-bundle.pem",
	"2025-01_102-certs/global-bundle.pem", "2025-07_102-certs-crlf/global-bundle.pem", "castore-2025-07_105-certs/global-bundle.pem", "../global-bundle.pem",
}

// The real history of the RDS bundle: the reported changes of each step equal
// those of comm over the fingerprints from openssl.
func TestLockHistory(t *testing.T) {
	data := os.Getenv("CERTGRAFT_TESTDATA")
	if data == "" {
		t.Skip("CERTGRAFT_TESTDATA is not set: the history of the RDS bundle is not there")
	}
	file := filepath.Join(t.TempDir(), "rds.pem")
	var lock *Lock
	var before []string
	changed := 0
	for _, step := range history {
		bundle, err := os.ReadFile(filepath.Join(data, "bundles/aws-rds/history", step))
		if err != nil {
			t.Fatal(err)
		}
		write(t, file, string(bundle))
		now := opensslFingerprints(t, file)
		loaded, err := Load(t.Context(), Options{}, file)
		if err != nil {
			t.Fatal(err)
		}
		if lock != nil {
			change := lock.Compare(loaded[0])
			var fresh, gone []string
			for _, c := range change.New {
				fresh = append(fresh, c.Fingerprint().String())
			}
			for _, c := range change.Gone {
				gone = append(gone, c.Fingerprint)
			}
			same(t, step+": new", fresh, minus(now, before))
			same(t, step+": gone", gone, minus(before, now))
			changed += len(fresh) + len(gone)
		}
		lock, before = NewLock(loaded), now
	}
	if changed < 100 {
		t.Errorf("only %d changes in seven years", changed)
	}
}

// opensslFingerprints returns the sorted fingerprints that openssl finds in a
// file.
func opensslFingerprints(t *testing.T, file string) []string {
	t.Helper()
	out, err := exec.Command("openssl", "storeutl", "-certs", file).Output()
	if err != nil {
		t.Skipf("openssl is not here: %v", err)
	}
	var prints []string
	for block, rest := pem.Decode(out); block != nil; block, rest = pem.Decode(rest) {
		prints = append(prints, fmt.Sprintf("%x", sha256.Sum256(block.Bytes)))
	}
	slices.Sort(prints)
	return slices.Compact(prints)
}

func minus(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s: %d, openssl and comm have %d", what, len(got), len(want))
	}
}

func FuzzLock(f *testing.F) {
	b := &Bundle{Certs: &certs.Set{}, lockName: "./a.pem"}
	c, err := certs.ParseCertificate(roottest.NewCA(f, "A").DER)
	if err != nil {
		f.Fatal(err)
	}
	b.Certs.Add(c, "")
	data, err := NewLock([]*Bundle{b}).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := decodeLock(data)
		if err != nil || l.check(false) != nil {
			return
		}
		once, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeLock(once)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := again.Encode(); err != nil || !bytes.Equal(once, twice) {
			t.Errorf("%q became %q", once, twice)
		}
	})
}

// A replacement for a locked source names its origin: the cache, or the
// snapshot if that was needed.
func TestLockSaysWhatStandsIn(t *testing.T) {
	var pems string
	snapshot, _ := mustFind(t, "aws-rds").snapshot("eu-west-1")
	pems = string(snapshot.AppendPEM(nil))
	gone := &server{answers: list(answer(200, pems), answer(404, ""))}
	opt := Options{Transport: gone, Cache: t.TempDir()}
	opt.Lock = lockOf(t, opt, "aws-rds:eu-west-1")
	for _, want := range []Origin{Cache, Snapshot} {
		loaded, err := Load(t.Context(), opt, "aws-rds:eu-west-1")
		if err != nil {
			t.Fatal(err)
		}
		if loaded[0].Origin != want || !strings.Contains(strings.Join(loaded[0].Warnings, "\n"), "404") {
			t.Errorf("%s, want %s: %q", loaded[0].Origin, want, loaded[0].Warnings)
		}
		opt.Cache = ""
	}
}

// An unreachable source has lost nothing. If its replacement lacks locked
// certificates, no message suggests an update of the lock.
func TestLockedSourceThatWasNotAsked(t *testing.T) {
	a, b := roottest.NewCA(t, "A"), roottest.NewCA(t, "B")
	const address = "https://x.example/ca.pem"
	cache := filepath.Join(t.TempDir(), "cache")
	load := func(opt Options, answers ...func(*http.Request) (*http.Response, error)) (*Bundle, error) {
		opt.Cache, opt.Transport = cache, &server{answers: answers}
		loaded, err := Load(t.Context(), opt, address)
		if err != nil {
			return nil, err
		}
		return loaded[0], nil
	}
	lock := lockOf(t, Options{Transport: &server{answers: list(answer(200, a.PEM()+b.PEM()))}}, address)
	if _, err := load(Options{}, answer(200, a.PEM())); err != nil {
		t.Fatal(err)
	}
	for _, policy := range []Policy{Exact, Additions} {
		for name, test := range map[string]struct {
			opt        Options
			text, hint string
		}{
			"no network": {Options{Lock: lock, Policy: policy}, "lookup example.com: no such host; the cache lacks locked certificates: CN=B", "check the network"},
			"offline":    {Options{Lock: lock, Policy: policy, Offline: true}, "--offline forbids the network; the cache lacks locked certificates: CN=B", "run it once with a network and --cache DIR"},
		} {
			_, err := load(test.opt, noHost)
			says(t, err, ErrUnreachable, test.text)
			if errors.Is(err, ErrRefused) || strings.Contains(hintOf(err), "--update") || !strings.Contains(hintOf(err), test.hint) {
				t.Errorf("%s, %s: %v: %s", name, policy, err, hintOf(err))
			}
		}
	}
	got, err := load(Options{Lock: lock, Policy: Any}, noHost)
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(got.Warnings, "\n"); !strings.Contains(text, "locked, and lacking in the cache: CN=B") || strings.Contains(text, "gone") {
		t.Error(text)
	}
}

// A fingerprint in capitals, as other programs write it, is equal.
func TestLockInCapitals(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte(roottest.NewCA(t, "CA").PEM()), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(t.Context(), Options{}, file)
	if err != nil {
		t.Fatal(err)
	}
	lock := NewLock(loaded)
	locked := &lock.Sources[0].Certificates[0].Fingerprint
	*locked = strings.ToUpper(*locked)
	if err := lock.check(false); err != nil {
		t.Fatal(err)
	}
	if change := lock.Compare(loaded[0]); len(change.New)+len(change.Gone) > 0 {
		t.Errorf("%d new, %d gone", len(change.New), len(change.Gone))
	}
}
