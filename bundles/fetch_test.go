package bundles

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/roottest"
)

// server answers requests in memory, in turn. It repeats the last answer.
type server struct {
	answers  []func(*http.Request) (*http.Response, error)
	requests []*http.Request
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	i := min(len(s.requests), len(s.answers)-1)
	s.requests = append(s.requests, r)
	return s.answers[i](r)
}

func answer(status int, body string, header ...string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		h := http.Header{}
		for i := 0; i+1 < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: -1, Request: r}, nil
	}
}

func fails(err error) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// broken is a body that ends with an error.
func broken(start string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		body := io.MultiReader(strings.NewReader(start), &failing{})
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(body), ContentLength: -1, Request: r}, nil
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

var noHost = fails(&net.DNSError{Err: "no such host", Name: "example.com", IsNotFound: true})

// Each failure of a download: its duration and its result.
func TestDownload(t *testing.T) {
	pem := roottest.NewCA(t, "Root").PEM()
	for _, test := range []struct {
		name    string
		answers []func(*http.Request) (*http.Response, error)
		took    time.Duration
		kind    error // nil on success
		want    string
	}{
		{"works", list(answer(200, pem)), 0, nil, ""},
		{"works the third time", list(answer(503, ""), answer(500, ""), answer(200, pem)), 3 * time.Second, nil, ""},
		{"breaks off, then works", list(broken(pem[:50]), answer(200, pem)), time.Second, nil, ""},
		{"Retry-After of a second", list(answer(429, "", "Retry-After", "1"), answer(200, pem)), time.Second, nil, ""},
		{"Retry-After of a day", list(answer(429, "", "Retry-After", "86400"), answer(200, pem)), longestWait, nil, ""},
		{"always 503", list(answer(503, "")), 7 * time.Second, ErrUnreachable, "503 Service Unavailable"},
		{"always breaks off", list(broken("x")), 7 * time.Second, ErrUnreachable, "unexpected EOF"},
		{"no such host", list(noHost), 0, ErrUnreachable, "no such host"},
		{"404", list(answer(404, "")), 0, ErrUnreachable, "404 Not Found"},
		{"403", list(answer(403, "")), 0, ErrUnreachable, "403 Forbidden"},
		{"HTML page", list(answer(200, "<!DOCTYPE html>")), 0, ErrRefused, "HTML page"},
		{"empty", list(answer(200, "")), 0, ErrRefused, "empty"},
		{"truncated", list(answer(200, pem+pem[:100])), 0, ErrRefused, "truncated"},
		{"private key", list(answer(200, pem+roottest.NewCA(t, "x").KeyPEM(t))), 0, ErrRefused, "private key"},
		{"too large", list(answer(200, strings.Repeat("x", maxSize+1))), 0, ErrRefused, "larger than 8 MiB"},
		{"unknown CA", list(fails(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}})), 0, ErrUnreachable, "unknown authority"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				loaded, err := Load(t.Context(), Options{Transport: &server{answers: test.answers}}, "https://user:geheim@example.com/ca.pem?token=geheim#geheim")
				if took := time.Since(start); took != test.took {
					t.Errorf("took %v, want %v", took, test.took)
				}
				if test.kind == nil {
					if err != nil || loaded[0].Certs.Len() != 1 || loaded[0].Origin != Download || loaded[0].Source != "https://example.com/ca.pem" {
						t.Fatalf("%+v %v", loaded, err)
					}
					return
				}
				if !errors.Is(err, test.kind) || !strings.Contains(err.Error(), test.want) || hintOf(err) == "" {
					t.Errorf("%v, hint %q; want %q", err, hintOf(err), test.want)
				}
				if strings.Contains(fmt.Sprint(err, hintOf(err)), "geheim") {
					t.Errorf("the error shows a secret: %v", err)
				}
			})
		})
	}
}

func list(answers ...func(*http.Request) (*http.Response, error)) []func(*http.Request) (*http.Response, error) {
	return answers
}

// hintOf returns all hints of an error, one per line.
func hintOf(err error) string { return strings.Join(hint.Of(err), "\n") }

// The whole call ends at its timeout, also during a wait.
func TestDownloadTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := Load(t.Context(), Options{Transport: &server{answers: list(answer(503, ""))}, Timeout: 2 * time.Second}, "https://example.com/")
		if time.Since(start) != 2*time.Second || !errors.Is(err, ErrUnreachable) || !strings.Contains(hintOf(err), "--timeout") {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestDownloadIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Load(ctx, Options{Transport: &server{answers: list(fails(context.Canceled))}}, "aws-rds")
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A catalogue id falls back to its snapshot only if the network fails.
func TestFallback(t *testing.T) {
	for _, test := range []struct {
		name   string
		opt    Options
		spec   string
		answer func(*http.Request) (*http.Response, error)
		origin Origin
		kind   error
		want   string // in a warning, or in the error
	}{
		{"no host", Options{}, "aws-rds", noHost, Snapshot, nil, "no such host"},
		{"alias", Options{}, "rds", noHost, Snapshot, nil, "lacks 21 of the 108"},
		{"region", Options{}, "aws-rds:eu-west-1", noHost, Snapshot, nil, ""},
		{"region that is missing", Options{}, "aws-rds:mx-central-1", noHost, "", ErrUnreachable, "lacks Amazon RDS mx-central-1"},
		{"offline", Options{Offline: true}, "aws-rds", nil, Snapshot, nil, ""},
		{"offline, no snapshot", Options{Offline: true}, "supabase", nil, "", ErrUnreachable, "no snapshot"},
		{"offline, URL", Options{Offline: true}, "https://example.com/x", nil, "", ErrUnreachable, "there is no cache"},
		{"not allowed", Options{NoFallback: true}, "aws-rds", noHost, "", ErrUnreachable, "no such host"},
		{"404", Options{}, "aws-rds", answer(404, ""), "", ErrUnreachable, "404"},
		{"HTML", Options{}, "aws-rds", answer(200, "<html>"), "", ErrRefused, "HTML"},
		{"TLS", Options{}, "letsencrypt", fails(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), Snapshot, nil, "--download-ca"},
		{"mozilla", Options{Offline: true}, "mozilla", nil, Snapshot, nil, ""},
		{"redshift is part of the public roots", Options{Offline: true}, "aws-redshift", nil, Snapshot, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.opt.Transport = &server{answers: list(test.answer)}
			loaded, err := Load(t.Context(), test.opt, test.spec)
			if test.kind != nil {
				if !errors.Is(err, test.kind) || !strings.Contains(err.Error(), test.want) {
					t.Errorf("%v, want %q", err, test.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			b := loaded[0]
			if b.Origin != test.origin || b.Certs.Len() == 0 || !strings.Contains(strings.Join(b.Warnings, "\n"), test.want) {
				t.Errorf("%s, %d certificates, warnings %q", b.Origin, b.Certs.Len(), b.Warnings)
			}
		})
	}
}

// The cache keeps downloads and revalidates them. It replaces a download if the
// network fails, and is ignored if it is damaged.
func TestCache(t *testing.T) {
	pem := roottest.NewCA(t, "Root").PEM()
	opt := Options{Cache: filepath.Join(t.TempDir(), "cache")}
	load := func(answers ...func(*http.Request) (*http.Response, error)) (*Bundle, *server, error) {
		s := &server{answers: answers}
		opt.Transport = s
		loaded, err := Load(t.Context(), opt, "https://example.com/ca.pem")
		if err != nil {
			return nil, s, err
		}
		return loaded[0], s, nil
	}
	if b, _, err := load(answer(200, pem, "ETag", `"1"`, "Last-Modified", "x")); err != nil || b.Origin != Download {
		t.Fatal(b, err)
	}
	b, s, err := load(answer(304, ""))
	if err != nil || b.Certs.Len() != 1 || s.requests[0].Header.Get("If-None-Match") != `"1"` || s.requests[0].Header.Get("If-Modified-Since") != "x" {
		t.Errorf("%v %v %v", b, s.requests[0].Header, err)
	}
	if b, _, err := load(noHost); err != nil || b.Origin != Cache || len(b.Warnings) != 1 {
		t.Errorf("%v %v", b, err)
	}
	opt.Offline = true
	if b, s, err := load(noHost); err != nil || b.Origin != Cache || len(s.requests) > 0 {
		t.Errorf("%v %v", b, err)
	}
	files, err := filepath.Glob(filepath.Join(opt.Cache, "*"))
	if err != nil || len(files) != 1 || strings.Contains(files[0], "example.com") {
		t.Fatal(files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files[0], bytes.Replace(data, []byte("BEGIN"), []byte("begin"), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := load(noHost); !errors.Is(err, ErrUnreachable) {
		t.Errorf("a damaged cache is used: %v", err)
	}
	opt.Offline, opt.Cache = false, "/dev/null/x"
	if _, _, err := load(answer(200, pem)); err != nil {
		t.Errorf("a cache that cannot be written: %v", err)
	}
}

// New and missing certificates are named, compared with the catalogue.
func TestCompare(t *testing.T) {
	set, _ := mustFind(t, "letsencrypt").snapshot("")
	extra := roottest.NewCA(t, "Root X9")
	var pems []string
	for c := range set.All() {
		pems = append(pems, string(c.AppendPEM(nil)))
	}
	loaded, err := Load(t.Context(), Options{Transport: &server{answers: list(answer(200, pems[0]), answer(200, extra.PEM()), answer(200, pems[0]))}}, "letsencrypt")
	if err != nil {
		t.Fatal(err)
	}
	b := loaded[0]
	text := strings.Join(b.Warnings, "\n")
	if len(b.New) != 1 || b.New[0].Name() != "Root X9" || len(b.Gone) != 3 || !strings.Contains(text, "Root X9") || !strings.Contains(text, "ISRG Root X2") {
		t.Errorf("new %d, gone %d: %s", len(b.New), len(b.Gone), text)
	}
}

// Missing Mozilla roots are named too, although the catalogue does not list
// them. Roots with a constraint are not called new, although this program lacks
// them.
func TestCompareMozilla(t *testing.T) {
	text, lacking := roottest.NewCA(t, "Constrained").PEM(), ""
	for c := range mozilla().All() {
		if lacking == "" {
			lacking = c.Name()
			continue
		}
		text += string(c.AppendPEM(nil))
	}
	loaded, err := Load(t.Context(), Options{Transport: &server{answers: list(answer(200, text))}}, "mozilla")
	if err != nil {
		t.Fatal(err)
	}
	want := "no longer published, though this program knows them: " + lacking
	if got := loaded[0].Warnings; len(got) != 1 || got[0] != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func mustFind(t *testing.T, id string) *Provider {
	t.Helper()
	c, err := Catalog(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Find(id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A download, the cache or the snapshot can satisfy a pin of the set. Only a
// download or the cache can satisfy a pin of bytes.
func TestPins(t *testing.T) {
	ca := roottest.NewCA(t, "Root")
	body := "# comment\n" + strings.ReplaceAll(ca.PEM(), "\n", "\r\n")
	snapshot, _ := mustFind(t, "aws-rds").snapshot("eu-west-1")
	set := snapshotDigest(t, ca)
	for _, test := range []struct {
		name, spec string
		answer     func(*http.Request) (*http.Response, error)
		kind       error
	}{
		{"set", "https://example.com/x@set:" + set, answer(200, body), nil},
		{"bytes", "https://example.com/x@sha256:" + digest([]byte(body)), answer(200, body), nil},
		{"wrong set", "https://example.com/x@set:" + strings.Repeat("0", 64), answer(200, body), ErrRefused},
		{"wrong bytes", "https://example.com/x@sha256:" + strings.Repeat("0", 64), answer(200, body), ErrRefused},
		{"upstream moved, the snapshot has it", "aws-rds:eu-west-1@set:" + snapshot.Digest(), answer(200, body), nil},
		{"upstream moved, nothing has it", "aws-rds:eu-west-1@set:" + strings.Repeat("0", 64), answer(200, body), ErrRefused},
		{"bytes of several files", "amazon-roots@sha256:" + strings.Repeat("0", 64), nil, ErrUsage},
		{"no digest", "aws-rds@set:xyz", nil, ErrUsage},
	} {
		t.Run(test.name, func(t *testing.T) {
			loaded, err := Load(t.Context(), Options{Transport: &server{answers: list(test.answer)}}, test.spec)
			if !errors.Is(err, test.kind) {
				t.Errorf("%+v %v", loaded, err)
			}
		})
	}
}

func snapshotDigest(t *testing.T, ca *roottest.CA) string {
	t.Helper()
	b := (&source{stdin: true}).newBundle(Stdin)
	if err := b.add("", ca.DER); err != nil {
		t.Fatal(err)
	}
	return b.Certs.Digest()
}

// Real TLS: a server with an unknown CA is refused, and accepted with
// --download-ca. Redirects lead only to https.
func TestTransport(t *testing.T) {
	t.Setenv("SSL_CERT_FILE", "/dev/null")
	t.Setenv("SSL_CERT_DIR", t.TempDir())
	ca := roottest.NewCA(t, "Download CA")
	mux := http.NewServeMux()
	mux.HandleFunc("/ca.pem", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, ca.PEM()) })
	mux.HandleFunc("/plain", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://example.com/", http.StatusFound)
	})
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/ok", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/ca.pem", http.StatusFound) })
	s := httptest.NewUnstartedServer(mux)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, "127.0.0.1")}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte(ca.PEM()), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Load(t.Context(), Options{}, s.URL+"/ca.pem")
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(hintOf(err), "--download-ca") {
		t.Errorf("unknown CA: %v, hint %q", err, hintOf(err))
	}
	known := Options{DownloadCA: []string{file}}
	for path, kind := range map[string]error{"/ca.pem": nil, "/ok": nil, "/plain": ErrRefused, "/loop": ErrRefused} {
		var progress int64
		known.Progress = func(_ string, done, _ int64) { progress = done }
		loaded, err := Load(t.Context(), known, s.URL+path)
		if !errors.Is(err, kind) {
			t.Errorf("%s: %v", path, err)
		}
		if kind == nil && (loaded[0].Certs.Len() != 1 || progress == 0) {
			t.Errorf("%s: %d certificates, progress %d", path, loaded[0].Certs.Len(), progress)
		}
	}
	for _, bad := range []string{"/nowhere", os.DevNull} {
		if _, err := Load(t.Context(), Options{DownloadCA: []string{bad}}, s.URL+"/ca.pem"); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("--download-ca %s: %v", bad, err)
		}
	}
}

func TestRedirectsStayPublic(t *testing.T) {
	for target, want := range map[string]bool{
		"https://example.org/": true, "https://127.0.0.1/": false, "https://localhost/": false, "https://[::1]/": false,
		"https://10.1.2.3/": false, "https://169.254.169.254/latest/": false, "http://example.org/": false,
		"https://LocalHost./": false, "https://a.localhost/": false, "https://[::ffff:127.0.0.1]/": false, "https://[::ffff:10.0.0.1]:8443/": false, "https://0.0.0.0/": false,
		"https://[fd00::1]/": false, "https://[fe80::1]/": false, "ftp://example.org/": false, "file:///etc/passwd": false, "https://8.8.8.8/": true,
		"https://224.0.0.1/": false, "https://[ff02::1]/": false, "https://[::ffff:0.0.0.0]/": false,
	} {
		from, err1 := http.NewRequest(http.MethodGet, "https://example.com/", nil)
		to, err2 := http.NewRequest(http.MethodGet, target, nil)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		if err := checkRedirect(to, []*http.Request{from}); (err == nil) != want {
			t.Errorf("%s: %v", target, err)
		}
	}
}

// The target of a redirect does not learn the first URL.
func TestRedirectKeepsTheToken(t *testing.T) {
	s := &server{answers: []func(*http.Request) (*http.Response, error){
		answer(http.StatusFound, "", "Location", "https://elsewhere.example/ca.pem"), answer(http.StatusOK, roottest.NewCA(t, "CA").PEM()),
	}}
	if _, err := Load(t.Context(), Options{Transport: s}, "https://user:password@example.com/ca.pem?token=secret"); err != nil {
		t.Fatal(err)
	}
	if head := fmt.Sprint(s.requests[1].Header); strings.Contains(head, "secret") || strings.Contains(head, "password") || s.requests[1].Header.Get("Authorization") != "" {
		t.Error(head)
	}
}

// An image without a CA downloads with the Mozilla roots in the program.
func TestDownloadRootsFallBack(t *testing.T) {
	pool, err := downloadRoots(t.Context(), nil)
	if err != nil || pool.Equal(x509.NewCertPool()) {
		t.Error("nobody vouches for downloads", err)
	}
}
