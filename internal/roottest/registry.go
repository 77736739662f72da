package roottest

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// Registry is a registry in memory, as in the OCI distribution specification, with
// mounts. It counts the requests.
type Registry struct {
	*httptest.Server
	Host string

	// NoRanges makes the registry send whole blobs, whatever range is asked for.
	NoRanges bool

	mu        sync.Mutex
	fault     func(w http.ResponseWriter, r *http.Request) bool
	blobs     map[string]map[string][]byte // by repository and digest
	manifests map[string]map[string]stored // by repository and tag or digest
	requests  []string
	up, down  int
}

type stored struct {
	mediaType string
	data      []byte
}

// NewRegistry starts a registry that ends with the test.
func NewRegistry(t testing.TB) *Registry {
	t.Helper()
	r := &Registry{blobs: map[string]map[string][]byte{}, manifests: map[string]map[string]stored{}}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	r.Host = strings.TrimPrefix(r.URL, "http://")
	return r
}

// Requests returns the requests since the last call, as METHOD KIND/NAME.
func (r *Registry) Requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.requests
	r.requests = nil
	return all
}

// Moved returns the bytes of blobs that were sent and received since the last
// call.
func (r *Registry) Moved() (up, down int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	up, down = r.up, r.down
	r.up, r.down = 0, 0
	return up, down
}

// Retag gives a tag the document of another name in the repository.
func (r *Registry) Retag(repo, ref, tag string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.manifests[repo][tag] = r.manifests[repo][ref]
}

// Spoil changes the content of a blob, and keeps its digest.
func (r *Registry) Spoil(digest string, change func([]byte) []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, repo := range r.blobs {
		if data, ok := repo[digest]; ok {
			repo[digest] = change(append([]byte{}, data...))
		}
	}
}

// SpoilAll changes the content of every blob in a repository. A blob for which
// change returns nil is removed.
func (r *Registry) SpoilAll(repo string, change func([]byte) []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for digest, data := range r.blobs[repo] {
		if r.blobs[repo][digest] = change(append([]byte{}, data...)); r.blobs[repo][digest] == nil {
			delete(r.blobs[repo], digest)
		}
	}
}

// Fault sets a function that sees each request first. If it returns true, it has
// answered the request. nil removes the function. Cancelled requests may still
// arrive.
func (r *Registry) Fault(see func(w http.ResponseWriter, r *http.Request) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fault = see
}

// ServeHTTP implements [http.Handler].
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	fault := r.fault
	r.mu.Unlock()
	if fault == nil || !fault(w, req) {
		r.Answer(w, req)
	}
}

// Answer answers a request without the function of [Registry.Fault].
func (r *Registry) Answer(w http.ResponseWriter, req *http.Request) {
	path := strings.TrimPrefix(req.URL.Path, "/v2/")
	if path == "" {
		return
	}
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, kind := range []string{"/manifests/", "/blobs/uploads/", "/blobs/"} {
		repo, rest, ok := strings.Cut(path, kind)
		if !ok {
			continue
		}
		r.requests = append(r.requests, req.Method+" "+kind[1:]+rest)
		switch kind {
		case "/manifests/":
			r.manifest(w, req, repo, rest, body)
		case "/blobs/":
			r.blob(w, req, repo, rest)
		default:
			r.upload(w, req, repo, body)
		}
		return
	}
	http.NotFound(w, req)
}

func (r *Registry) manifest(w http.ResponseWriter, req *http.Request, repo, ref string, body []byte) {
	if req.Method == http.MethodPut {
		digest := fmt.Sprintf("sha256:%x", sha256.Sum256(body))
		if r.manifests[repo] == nil {
			r.manifests[repo] = map[string]stored{}
		}
		for _, name := range []string{ref, digest} {
			r.manifests[repo][name] = stored{req.Header.Get("Content-Type"), body}
		}
		w.Header().Set("Docker-Content-Digest", digest)
		w.WriteHeader(http.StatusCreated)
		return
	}
	m, ok := r.manifests[repo][ref]
	if !ok {
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN")
		return
	}
	w.Header().Set("Content-Type", m.mediaType)
	w.Header().Set("Docker-Content-Digest", fmt.Sprintf("sha256:%x", sha256.Sum256(m.data)))
	w.Header().Set("Content-Length", fmt.Sprint(len(m.data)))
	if req.Method == http.MethodGet {
		_, _ = w.Write(m.data)
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"errors":[{"code":%q,"message":"no"}]}`, code)
}

func (r *Registry) blob(w http.ResponseWriter, req *http.Request, repo, digest string) {
	data, ok := r.blobs[repo][digest]
	if !ok {
		refuse(w, http.StatusNotFound, "BLOB_UNKNOWN")
		return
	}
	from, to := 0, len(data)-1
	n, _ := fmt.Sscanf(req.Header.Get("Range"), "bytes=%d-%d", &from, &to)
	to = min(to, len(data)-1)
	if n > 0 && !r.NoRanges && from > to {
		w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		return
	}
	if n > 0 && !r.NoRanges {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(data)))
		w.WriteHeader(http.StatusPartialContent)
	} else {
		from, to = 0, len(data)-1
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	}
	if req.Method == http.MethodGet {
		r.down += to + 1 - from
		_, _ = w.Write(data[from : to+1])
	}
}

func (r *Registry) upload(w http.ResponseWriter, req *http.Request, repo string, body []byte) {
	if r.blobs[repo] == nil {
		r.blobs[repo] = map[string][]byte{}
	}
	query := req.URL.Query()
	if req.Method == http.MethodPost {
		if data, ok := r.blobs[query.Get("from")][query.Get("mount")]; ok {
			r.blobs[repo][query.Get("mount")] = data
			w.WriteHeader(http.StatusCreated)
			return
		}
		w.Header().Set("Location", "/v2/"+repo+"/blobs/uploads/1?"+url.Values{"state": {"x"}}.Encode())
		w.WriteHeader(http.StatusAccepted)
		return
	}
	if query.Get("digest") != fmt.Sprintf("sha256:%x", sha256.Sum256(body)) {
		refuse(w, http.StatusBadRequest, "DIGEST_INVALID")
		return
	}
	r.up += len(body)
	r.blobs[repo][query.Get("digest")] = body
	w.WriteHeader(http.StatusCreated)
}

// Has reports whether a repository has a blob.
func (r *Registry) Has(repo, digest string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.blobs[repo][digest]
	return ok
}
