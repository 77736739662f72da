package bundles

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

var zeros = strings.Repeat("0", 64)

// A snapshot has certificates and no file bytes, so it satisfies no pin of
// bytes.
func TestSnapshotDoesNotSatisfyAPinOfBytes(t *testing.T) {
	load := func(opt Options) error {
		_, err := Load(t.Context(), opt, "aws-rds@sha256:"+zeros)
		return err
	}
	says(t, load(Options{Offline: true}), ErrRefused, "a snapshot does not satisfy a pin of bytes")
	says(t, load(Options{Transport: &server{answers: list(noHost)}}), ErrUnreachable, "no such host; a snapshot does not satisfy a pin of bytes")
}

// The cache has the original bytes.
func TestCacheSatisfiesAPinOfBytes(t *testing.T) {
	body := roottest.NewCA(t, "Root").PEM()
	opt := Options{Cache: t.TempDir(), Transport: &server{answers: list(answer(200, body), noHost)}}
	for _, origin := range []Origin{Download, Cache} {
		loaded, err := Load(t.Context(), opt, "https://example.com/ca.pem@sha256:"+digest([]byte(body)))
		if err != nil || loaded[0].Origin != origin {
			t.Errorf("%s: %v", origin, err)
		}
	}
}

// A pin of the set without a network: the error names the network first, and
// then the replacement that does not match the pin.
func TestPinOfTheSetWithoutNetwork(t *testing.T) {
	body := pemOf(t, mustFind(t, "aws-rds"), 3)
	opt := Options{Cache: t.TempDir(), Transport: &server{answers: list(answer(200, body), noHost, answer(200, body), noHost)}}
	load := func(opt Options, spec string) error {
		_, err := Load(t.Context(), opt, spec)
		return err
	}
	for _, spec := range []string{"https://example.com/ca.pem", "aws-rds"} {
		if err := load(opt, spec); err != nil {
			t.Fatal(err)
		}
		says(t, load(opt, spec+"@set:"+zeros), ErrUnreachable, "no such host; the cache does not match its pin: its set digest is ", zeros)
		opt.Offline = true
		says(t, load(opt, spec+"@set:"+zeros), ErrRefused, "the cache does not match its pin")
		opt.Offline = false
	}
	says(t, load(Options{Transport: &server{answers: list(noHost)}}, "aws-rds@set:"+zeros), ErrUnreachable, "no such host; the snapshot in this program does not match its pin")
	says(t, load(Options{Offline: true}, "aws-rds@set:"+zeros), ErrRefused, "the snapshot in this program does not match its pin")
}

// says checks an error: its kind, its text in this order, and the presence of a
// hint.
func says(t *testing.T, err, kind error, words ...string) {
	t.Helper()
	if err == nil || !errors.Is(err, kind) || hintOf(err) == "" {
		t.Fatalf("%v, hint %q; want %v", err, hintOf(err), kind)
	}
	rest := err.Error()
	for _, word := range words {
		_, after, found := strings.Cut(rest, word)
		if !found {
			t.Errorf("%q is not in: %v", word, err)
			return
		}
		rest = after
	}
}

// A pin in an argument also applies to the replacement of a locked source.
func TestPinHoldsForWhatIsLocked(t *testing.T) {
	lock := lockOf(t, Options{Offline: true}, "aws-rds:eu-west-1")
	load := func(pin string, answers ...func(*http.Request) (*http.Response, error)) (*Bundle, error) {
		opt := Options{Lock: lock, Offline: answers == nil, Transport: &server{answers: answers}}
		loaded, err := Load(t.Context(), opt, "aws-rds:eu-west-1"+pin)
		if err != nil {
			return nil, err
		}
		return loaded[0], nil
	}
	moved := answer(200, roottest.NewCA(t, "Moved").PEM())
	for _, pin := range []string{"@set:" + zeros, "@sha256:" + zeros} {
		for name, answers := range map[string][]func(*http.Request) (*http.Response, error){"moved": list(moved), "offline": nil} {
			if b, err := load(pin, answers...); !errors.Is(err, ErrRefused) {
				t.Errorf("%s, %s: %v %v", name, pin, b, err)
			}
		}
		if b, err := load(pin, noHost); !errors.Is(err, ErrUnreachable) {
			t.Errorf("no network, %s: %v %v", pin, b, err)
		}
	}
	for _, answer := range list(moved, noHost) {
		if b, err := load("@set:"+lock.Sources[0].Set, answer); err != nil || b.Origin != Snapshot {
			t.Errorf("the right pin: %+v %v", b, err)
		}
	}
}

// Locked certificates that are no longer published come from the cache, unless
// the argument pins another set.
func TestPinKeepsOutWhatIsKept(t *testing.T) {
	a, b := roottest.NewCA(t, "A"), roottest.NewCA(t, "B")
	const address = "https://example.com/ca.pem"
	both := answer(200, a.PEM()+b.PEM())
	opt := Options{Cache: t.TempDir(), Transport: &server{answers: list(both, both, answer(200, a.PEM()))}}
	opt.Lock = lockOf(t, opt, address)
	load := func(spec string) error {
		_, err := Load(t.Context(), opt, spec)
		return err
	}
	if err := load(address); err != nil {
		t.Fatal(err)
	}
	says(t, load(address+"@set:"+snapshotDigest(t, a)), ErrRefused, "CN=B")
	if err := load(address); err != nil {
		t.Errorf("without a pin: %v", err)
	}
}

// pinnedEntry is a catalogue with an http entry that pins the set of a CA.
func pinnedEntry(t *testing.T, ca *roottest.CA) string {
	t.Helper()
	return write(t, filepath.Join(t.TempDir(), "c.json"), `{"version":1,"providers":[{"id":"acme","title":"x","homepage":"https://x.example","kind":"static","urls":["http://x.example/ca.crt"],"pin":"`+
		snapshotDigest(t, ca)+`","evidence":{"date":"","confidence":"","checksum":""}}]}`)
}

// An http entry of the catalogue is downloaded, since its content is pinned.
// Other content is refused, whatever the argument pins. Nothing replaces it:
// anyone on the network path can change http, hence the pin.
func TestPinnedHTTPEntry(t *testing.T) {
	ca, other := roottest.NewCA(t, "Root"), roottest.NewCA(t, "Other")
	opt := Options{Catalog: []string{pinnedEntry(t, ca)}, Cache: t.TempDir()}
	load := func(spec string, answers ...func(*http.Request) (*http.Response, error)) error {
		opt.Transport = &server{answers: answers}
		_, err := Load(t.Context(), opt, spec)
		return err
	}
	right, wrong := answer(200, string(ca.DER)), answer(200, string(other.DER))
	if err := load("acme", right); err != nil {
		t.Error(err)
	}
	says(t, load("acme@set:"+snapshotDigest(t, other), wrong), ErrRefused, "the download is not what the catalogue pins")
	says(t, load("acme@set:"+snapshotDigest(t, other), right), ErrRefused, "the download does not match its pin")
	if err := load("acme@set:"+snapshotDigest(t, ca), right); err != nil {
		t.Error(err)
	}
	says(t, load("acme", wrong), ErrRefused, "the download is not what the catalogue pins")
	opt.Lock = lockOf(t, Options{Catalog: opt.Catalog, Transport: &server{answers: list(right)}}, "acme")
	says(t, load("acme", wrong), ErrRefused, "the download is not what the catalogue pins")
}
