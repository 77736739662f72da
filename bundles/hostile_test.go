package bundles

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/certgraft/certgraft/internal/roottest"
)

// body answers with the content of a reader.
func body(read func(ctx context.Context, p []byte) (int, error)) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		b := io.NopCloser(reader{r.Context(), read})
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: b, ContentLength: -1, Request: r}, nil
	}
}

type reader struct {
	ctx  context.Context
	read func(ctx context.Context, p []byte) (int, error)
}

func (r reader) Read(p []byte) (int, error) { return r.read(r.ctx, p) }

// A body without end is read up to the bound, once.
func TestEndlessBody(t *testing.T) {
	total := 0
	s := &server{answers: list(body(func(_ context.Context, p []byte) (int, error) { total += len(p); return len(p), nil }))}
	_, err := Load(t.Context(), Options{Transport: s}, "https://example.com/ca.pem")
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "larger than 8 MiB") {
		t.Error(err)
	}
	if total > 2*maxSize || len(s.requests) != 1 {
		t.Errorf("%d bytes were read in %d requests", total, len(s.requests))
	}
}

// A server that sends one byte a second without end gets only the timeout of
// one call, whatever length it announces.
func TestSlowDrip(t *testing.T) {
	drip := body(func(ctx context.Context, p []byte) (int, error) {
		select {
		case <-time.After(time.Second):
			p[0] = '-'
			return 1, nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	})
	stall := func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	for what, answer := range map[string]func(*http.Request) (*http.Response, error){"body": drip, "header": stall} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, start := &server{answers: list(answer)}, time.Now()
				_, err := Load(t.Context(), Options{Transport: s, Timeout: time.Minute}, "https://example.com/ca.pem")
				if took := time.Since(start); took != time.Minute || len(s.requests) != 1 {
					t.Errorf("it took %v and %d requests", took, len(s.requests))
				}
				if !errors.Is(err, ErrUnreachable) || !strings.Contains(hintOf(err), "--timeout") {
					t.Error(err)
				}
			})
		})
	}
}

// tlsServer serves with a certificate, and returns options that trust its CA.
func tlsServer(t *testing.T, ca *roottest.CA, cert tls.Certificate, serve http.HandlerFunc) (string, Options) {
	t.Helper()
	s := httptest.NewUnstartedServer(serve)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte(ca.PEM()), 0o644); err != nil {
		t.Fatal(err)
	}
	return s.URL, Options{DownloadCA: []string{file}}
}

// A body that is small on the wire and large unpacked is bounded by its
// unpacked size.
func TestCompressedBomb(t *testing.T) {
	ca := roottest.NewCA(t, "Download CA")
	address, opt := tlsServer(t, ca, ca.Issue(t, "127.0.0.1"), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		defer z.Close()
		for zeros, i := make([]byte, 1<<20), 0; i < 1<<10; i++ {
			if _, err := z.Write(zeros); err != nil {
				return
			}
		}
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Load(t.Context(), opt, address+"/ca.pem")
	runtime.ReadMemStats(&after)
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "larger than 8 MiB") {
		t.Error(err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 256<<20 {
		t.Errorf("%d MiB were allocated", used>>20)
	}
}

// 100,000 certificates are more than any bundle has. As many as fit are read,
// each once.
func TestManyCertificates(t *testing.T) {
	pem := roottest.NewCA(t, "Root").PEM()
	name := filepath.Join(t.TempDir(), "many.pem")
	for count, want := range map[int]error{100_000: ErrRefused, maxSize / len(pem): nil} {
		if err := os.WriteFile(name, []byte(strings.Repeat(pem, count)), 0o644); err != nil {
			t.Fatal(err)
		}
		loaded, err := Load(t.Context(), Options{}, name)
		if !errors.Is(err, want) {
			t.Errorf("%d: %v, want %v", count, err, want)
		}
		if err == nil && loaded[0].Certs.Len() != 1 {
			t.Errorf("%d: %d certificates", count, loaded[0].Certs.Len())
		}
	}
}

// A bad certificate of a server is never ignored: a URL fails, and an id falls
// back with a reason. --insecure allows only http.
func TestTLSErrorsAreSaid(t *testing.T) {
	ca := roottest.NewCA(t, "Download CA")
	lapsed := *ca
	cert := *ca.Cert
	cert.NotBefore, cert.NotAfter = time.Now().AddDate(-2, 0, 0), time.Now().AddDate(-1, 0, 0)
	lapsed.Cert = &cert
	for what, c := range map[string]struct {
		cert tls.Certificate
		want string
	}{
		"expired":       {lapsed.Issue(t, "127.0.0.1"), "expired"},
		"another name":  {ca.Issue(t, "example.org"), "doesn't contain any IP SANs"},
		"another CA":    {roottest.NewCA(t, "Evil").Issue(t, "127.0.0.1"), "unknown authority"},
		"the same name": {roottest.NewCA(t, "Download CA").Issue(t, "127.0.0.1"), "unknown authority"},
	} {
		t.Run(what, func(t *testing.T) {
			address, opt := tlsServer(t, ca, c.cert, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, ca.PEM()) })
			for _, insecure := range []bool{false, true} {
				opt.Insecure = insecure
				_, err := Load(t.Context(), opt, address+"/ca.pem")
				if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("--insecure %v: %v, want %q", insecure, err, c.want)
				}
			}
		})
	}
	failing := &server{answers: list(fails(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}))}
	loaded, err := Load(t.Context(), Options{Transport: failing}, "letsencrypt")
	if err != nil || loaded[0].Origin != Snapshot || !strings.Contains(strings.Join(loaded[0].Warnings, "\n"), "unknown authority") {
		t.Errorf("%+v %v", loaded, err)
	}
}
