package image

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/roottest"
)

// writes reports whether a request writes, as pushes do.
func writes(req *http.Request) bool {
	return req.Method != http.MethodGet && req.Method != http.MethodHead
}

// An account that may push but not pull can push: queries that only save work
// are skipped.
func TestI4PushOnlyAccount(t *testing.T) {
	for _, code := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		_, text := seeded(t)
		l, _ := patient()
		img, err := patched(t, l, text)
		must(t, err)
		to := roottest.NewRegistry(t)
		to.Fault(func(w http.ResponseWriter, req *http.Request) bool {
			if req.URL.Path == "/v2/" || writes(req) {
				return false
			}
			w.WriteHeader(code)
			return true
		})
		if err := putTo(t, l, to.Host+"/team/app:1", img); err != nil {
			t.Errorf("%d: %v", code, err)
		}
		to.Fault(nil)
		if again, err := getFrom(t, l, to.Host+"/team/app:1"); err != nil || again.Descriptor.Digest != img.Descriptor.Digest {
			t.Errorf("%d: %v", code, err)
		}
	}
}

// tokenServer makes r ask for tokens, whose text is their scopes. It grants the
// scopes of grant, or refuses with a status.
func tokenServer(r *roottest.Registry, grant func(scopes []string) ([]string, int)) {
	r.Fault(func(w http.ResponseWriter, req *http.Request) bool {
		if req.URL.Path == "/token" {
			scopes, code := grant(req.URL.Query()["scope"])
			if code != http.StatusOK {
				w.WriteHeader(code)
				return true
			}
			fmt.Fprintf(w, `{"token":%q}`, strings.Join(scopes, "|"))
			return true
		}
		repo := strings.TrimPrefix(req.URL.Path, "/v2/")
		if i := strings.LastIndex(repo, "/manifests/"); i >= 0 {
			repo = repo[:i]
		} else if i := strings.LastIndex(repo, "/blobs/"); i >= 0 {
			repo = repo[:i]
		}
		needs := []string{"repository:" + repo + ":"}
		if from := req.URL.Query().Get("from"); from != "" {
			needs = append(needs, "repository:"+from+":")
		}
		token, has := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
		for _, need := range needs {
			has = has && (repo == "" || strings.Contains(token, need))
		}
		if has {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/token",service="x",scope="repository:`+repo+`:pull,push"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
}

// If the token server refuses one scope of two, only the destination's scope is
// asked for.
func TestI7TokenForOneScope(t *testing.T) {
	for what, grant := range map[string]func([]string) ([]string, int){
		"refuses two": func(scopes []string) ([]string, int) {
			if len(scopes) > 1 {
				return nil, http.StatusForbidden
			}
			return scopes, http.StatusOK
		},
		"does not understand two": func(scopes []string) ([]string, int) {
			if len(scopes) > 1 {
				return nil, http.StatusBadRequest
			}
			return scopes, http.StatusOK
		},
		"forgets the second": func(scopes []string) ([]string, int) { return scopes[:1], http.StatusOK },
		"forgets the first":  func(scopes []string) ([]string, int) { return scopes[len(scopes)-1:], http.StatusOK },
		"gives both":         func(scopes []string) ([]string, int) { return scopes, http.StatusOK },
	} {
		t.Run(what, func(t *testing.T) {
			r, text := seeded(t)
			l, _ := patient()
			tokenServer(r, grant)
			img, err := patched(t, l, text)
			must(t, err)
			must(t, putTo(t, l, r.Host+"/team/moved:1", img))
			if again, err := getFrom(t, l, r.Host+"/team/moved:1"); err != nil || again.Descriptor.Digest != img.Descriptor.Digest {
				t.Errorf("%v", err)
			}
		})
	}
}

// A mount that fails in the registry is not tried again.
func TestI12MountIsTriedOnce(t *testing.T) {
	r, text := seeded(t)
	l, waited := patient()
	img, err := patched(t, l, text)
	must(t, err)
	var asked atomic.Int32
	r.Fault(func(w http.ResponseWriter, req *http.Request) bool {
		if !strings.Contains(req.URL.String(), "mount=") {
			return false
		}
		asked.Add(1)
		w.WriteHeader(http.StatusInternalServerError)
		return true
	})
	must(t, putTo(t, l, r.Host+"/moved:1", img))
	if n := asked.Load(); n != 2 || waited.Load() > 0 { // the two layers of the image
		t.Errorf("asked %d times, waited %v", n, time.Duration(waited.Load()))
	}
}

// Each kind of refusal by a registry has its own hint.
func TestI12Hints(t *testing.T) {
	says := func(code int, body string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.WriteHeader(code); _, _ = io.WriteString(w, body) }
	}
	for want, c := range map[string]struct {
		method, part string
		answer       func(http.ResponseWriter)
	}{
		"raise its limit":         {"PUT", "/uploads/", says(413, "<html>Request Entity Too Large</html>")},
		"write to a new one":      {"PUT", "/manifests/", says(400, `{"errors":[{"code":"TAG_INVALID","message":"The image tag '1' already exists and cannot be overwritten because the repository is immutable."}]}`)},
		"created before a push":   {"POST", "/uploads/", says(404, `{"errors":[{"code":"NAME_UNKNOWN","message":"The repository does not exist"}]}`)},
		"https_proxy=http://USER": {"POST", "/uploads/", says(407, "")},
		"docker login":            {"POST", "/uploads/", says(403, strings.Repeat("x", 1<<20))}, // which hid the status
	} {
		_, text := seeded(t)
		l, _ := patient()
		img, err := patched(t, l, text)
		must(t, err)
		to := roottest.NewRegistry(t)
		to.Fault(faulty(99, c.method, c.part, c.answer))
		err = putTo(t, l, to.Host+"/x:1", img)
		if advice := strings.Join(hint.Of(err), "\n"); !strings.Contains(advice, want) || len(err.Error()) > 6<<10 {
			t.Errorf("%q, want %q: %.200v", advice, want, err)
		}
	}
}

// Errors quote neither an account that a registry or a token server echoes, nor
// one in a name.
func TestG7NothingSecretIsQuoted(t *testing.T) {
	r, text := seeded(t)
	echo := func(w http.ResponseWriter, req *http.Request) bool {
		if req.Header.Get("Authorization") == "" {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}
		_, password, _ := req.BasicAuth()
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `{"errors":[{"code":"DENIED","message":"no: %s, %s"}]}`, req.Header.Get("Authorization"), password)
		return true
	}
	tokens := func(w http.ResponseWriter, req *http.Request) bool {
		if req.URL.Path == "/token" {
			return echo(w, req)
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/token",service="x"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
	for what, fault := range map[string]func(http.ResponseWriter, *http.Request) bool{"registry": echo, "token server": tokens} {
		r.Fault(fault)
		l, _ := patient()
		l.Env = inHome(t, map[string]string{"auth": accounts(r.Host, "ann", "s3cret")})
		if _, err := getFrom(t, l, text); err == nil || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "YW5uOnMzY3JldA==") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, text := range []string{"ann:s3cret@registry.example/app:1", "docker://ann:s3cret@registry.example/app:1", "https://ann:s3cret@registry.example/app", "ann:s3/cret@registry.example/app@sha256:" + strings.Repeat("0", 64)} {
		l, _ := patient()
		if _, err := l.Parse(text); err == nil || strings.Contains(err.Error(), "cret") {
			t.Errorf("%v", err)
		}
		if _, err := l.CacheRepo(text, true, nil); err == nil || strings.Contains(err.Error(), "cret") {
			t.Errorf("%v", err)
		}
	}
}

// The answer to a ping is read only up to a bound.
func TestG7PingIsBounded(t *testing.T) {
	r, text := seeded(t)
	l, _ := patient()
	r.Fault(func(w http.ResponseWriter, req *http.Request) bool {
		if req.URL.Path != "/v2/" {
			return false
		}
		for piece := make([]byte, 1<<16); ; {
			if _, err := w.Write(piece); err != nil {
				return true
			}
		}
	})
	_, err := getFrom(t, l, text)
	must(t, err)
}
