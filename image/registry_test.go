package image

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

// patient returns locations that do not wait, and the total of their waits.
func patient() (*Locations, *atomic.Int64) {
	var waited atomic.Int64
	l := &Locations{}
	l.client.Wait = func(ctx context.Context, d time.Duration) error {
		waited.Add(int64(d))
		return ctx.Err()
	}
	return l, &waited
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func getFrom(t testing.TB, l *Locations, text string) (*Image, error) {
	t.Helper()
	at, err := l.Parse(text)
	must(t, err)
	return at.Get(t.Context())
}

func putTo(t testing.TB, l *Locations, text string, img *Image) error {
	t.Helper()
	at, err := l.Parse(text)
	must(t, err)
	return at.Put(t.Context(), img)
}

// big returns a layer that does not compress, so it is read in several pieces.
func big(t testing.TB, name string) []byte {
	t.Helper()
	data := make([]byte, 3<<19)
	state := uint32(len(name) + 1)
	for i := range data {
		state = state*1664525 + 1013904223
		data[i] = byte(state >> 24)
	}
	return roottest.Tar(t, roottest.File(name, string(data)))
}

// seeded returns a registry with an image of two layers at repo app:1.
func seeded(t testing.TB) (*roottest.Registry, string) {
	t.Helper()
	r := roottest.NewRegistry(t)
	l := roottest.NewLayout(t)
	text := l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{big(t, "opt/x"), roottest.Tar(t, roottest.File("etc/b", "old"))}}), "x")
	img, err := getFrom(t, &Locations{}, text)
	must(t, err)
	must(t, putTo(t, &Locations{}, r.Host+"/app:1", img))
	r.Requests()
	r.Moved()
	return r, r.Host + "/app:1"
}

func edit(r *rootfs.Overlay, _ *Config) error { return r.WriteFile("etc/b", []byte("new"), 0o644) }

func patched(t testing.TB, l *Locations, text string) (*Image, error) {
	t.Helper()
	img, err := getFrom(t, l, text)
	if err != nil {
		return nil, err
	}
	result, err := Update(t.Context(), img, edit, Options{Reads: func(name string) bool { return strings.HasPrefix(name, "etc/") }})
	if err != nil {
		return nil, err
	}
	return result.Image, nil
}

// Within a repository only new content is sent. In another repository of the
// registry the rest is mounted. A second push only asks for the manifest.
func TestPushMovesLittle(t *testing.T) {
	r, text := seeded(t)
	l, _ := patient()
	img, err := patched(t, l, text)
	must(t, err)
	r.Moved()
	r.Requests()
	must(t, putTo(t, l, r.Host+"/app:2", img))
	if got := r.Requests(); len(got) != 8 { // HEAD of the tag; HEAD, POST and PUT of config and layer; PUT of the manifest
		t.Errorf("same repository: %q", got)
	}
	if up, down := r.Moved(); up == 0 || up > 2000 || down > 0 {
		t.Errorf("same repository: %d bytes up, %d down", up, down)
	}
	must(t, putTo(t, l, r.Host+"/team/other:1", img))
	if up, down := r.Moved(); up > 2000 || down > 0 {
		t.Errorf("other repository: %d bytes up, %d down", up, down)
	}
	r.Requests()
	must(t, putTo(t, l, r.Host+"/team/other:1", img))
	if got := r.Requests(); len(got) != 1 || !strings.HasPrefix(got[0], "HEAD manifests/1") {
		t.Errorf("a second time: %q", got)
	}
	other := roottest.NewRegistry(t)
	must(t, putTo(t, l, other.Host+"/x:1", img))
	if up, _ := other.Moved(); up < 3<<19 {
		t.Errorf("another registry: %d bytes up", up)
	}
	if again, err := getFrom(t, l, other.Host+"/x:1"); err != nil || again.Descriptor.Digest != img.Descriptor.Digest {
		t.Errorf("%v", err)
	}
}

// Images that are pushed into one repository at once send shared blobs once:
// after two uploads of one blob some registries briefly miss it.
func TestSharedBlobIsSentOnce(t *testing.T) {
	r, text := seeded(t)
	l, _ := patient()
	img, err := patched(t, l, text)
	must(t, err)
	other := roottest.NewRegistry(t)
	var asked atomic.Int32
	both := make(chan struct{})
	other.Fault(func(_ http.ResponseWriter, req *http.Request) bool {
		if req.Method == http.MethodHead && strings.Contains(req.URL.Path, "/blobs/") {
			if asked.Add(1) == 8 { // both images asked for their four blobs before one was sent
				close(both)
			}
			select {
			case <-both:
			case <-time.After(50 * time.Millisecond):
			}
		}
		return false
	})
	var group errgroup.Group
	for _, tag := range []string{"1", "2"} {
		group.Go(func() error { return putTo(t, l, other.Host+"/x:"+tag, img) })
	}
	must(t, group.Wait())
	sent := 0
	for _, request := range other.Requests() {
		if strings.HasPrefix(request, "PUT blobs/") {
			sent++
		}
	}
	if m, err := oci.ParseManifest(img.Descriptor.MediaType, img.Raw()); err != nil || sent != len(oci.BlobsOf(m)) {
		t.Errorf("%d blobs were sent of %d, %v", sent, len(oci.BlobsOf(m)), err)
	}
	if _, down := r.Moved(); down == 0 {
		t.Error("nothing was copied")
	}
}

// The tag is moved last.
func TestPushOrder(t *testing.T) {
	r, text := seeded(t)
	l, _ := patient()
	img, err := patched(t, l, text)
	must(t, err)
	r.Requests()
	must(t, putTo(t, l, r.Host+"/fresh:1", img))
	got := r.Requests()
	if last := got[len(got)-1]; last != "PUT manifests/1" {
		t.Errorf("last was %s", last)
	}
}

// faulty answers the first n matching requests with a status.
func faulty(n int32, method, part string, answer func(w http.ResponseWriter)) func(http.ResponseWriter, *http.Request) bool {
	var left atomic.Int32
	left.Store(n)
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != method || !strings.Contains(r.URL.String(), part) || left.Add(-1) < 0 {
			return false
		}
		answer(w)
		return true
	}
}

func status(code int) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { w.Header().Set("Retry-After", "86400"); w.WriteHeader(code) }
}

func unknownBlob(w http.ResponseWriter) {
	w.WriteHeader(http.StatusBadRequest)
	_, _ = w.Write([]byte(`{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry"}]}`))
}

func reset(http.ResponseWriter) { panic(http.ErrAbortHandler) }

// half sends the first bytes of a blob and closes the connection.
func half(w http.ResponseWriter) {
	w.Header().Set("Content-Length", "3000000")
	_, _ = w.Write(make([]byte, 10))
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// A temporary failure is tried again. A registry cannot make a run wait for a
// day.
func TestFaultsThatPass(t *testing.T) {
	for what, fault := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"429 on the ping":       faulty(2, "GET", "/v2/", status(429)),
		"500 on a manifest":     faulty(2, "GET", "/manifests/", status(500)),
		"reset on a manifest":   faulty(1, "GET", "/manifests/", reset),
		"503 on a blob":         faulty(1, "GET", "/blobs/", status(503)),
		"reset before a blob":   faulty(1, "GET", "/blobs/", reset),
		"500 on an upload":      faulty(1, "PUT", "/uploads/", status(500)),
		"reset on an upload":    faulty(1, "PUT", "/uploads/", reset),
		"502 on the manifest":   faulty(2, "PUT", "/manifests/", status(502)),
		"a blob out of sight":   faulty(2, "PUT", "/manifests/", unknownBlob),
		"no HEAD for manifests": faulty(99, "HEAD", "/manifests/", status(405)),
		"no HEAD for blobs":     faulty(99, "HEAD", "/blobs/", status(405)),
		"mount refused":         faulty(9, "POST", "mount=", status(403)),
	} {
		t.Run(what, func(t *testing.T) {
			r, text := seeded(t)
			l, waited := patient()
			r.Fault(fault)
			img, err := patched(t, l, text)
			must(t, err)
			must(t, putTo(t, l, r.Host+"/moved:1", img))
			if again, err := getFrom(t, l, r.Host+"/moved:1"); err != nil || again.Descriptor.Digest != img.Descriptor.Digest {
				t.Errorf("%v", err)
			}
			if d := time.Duration(waited.Load()); d > 5*30*time.Second {
				t.Errorf("waited %v", d)
			}
		})
	}
}

// A registry that is too busy for a blob gets a pause before the next try.
func TestUploadIsNotRepeatedAtOnce(t *testing.T) {
	r, text := seeded(t)
	l, waited := patient()
	l.Jobs = 1
	img, err := patched(t, l, text)
	must(t, err)
	r.Fault(faulty(3, "PUT", "/uploads/", status(429)))
	must(t, putTo(t, l, r.Host+"/app:2", img))
	if d := time.Duration(waited.Load()); d != 7*time.Second {
		t.Errorf("waited %v", d)
	}
}

// A broken download resumes, also if the server sends the blob from its start.
func TestDownloadGoesOn(t *testing.T) {
	for _, ranges := range []bool{true, false} {
		r, text := seeded(t)
		l, _ := patient()
		var broken atomic.Int32
		r.Fault(func(w http.ResponseWriter, req *http.Request) bool {
			if !ranges {
				req.Header.Del("Range")
			}
			if req.Method != http.MethodGet || !strings.Contains(req.URL.Path, "/blobs/") || broken.Add(1) > 3 {
				return false
			}
			r.Answer(&cut{ResponseWriter: w, left: 100_000}, req)
			panic(http.ErrAbortHandler)
		})
		img, err := patched(t, l, text)
		must(t, err)
		if n := broken.Load(); n < 4 {
			t.Errorf("only %d downloads", n)
		}
		if img.Descriptor.Digest == "" {
			t.Error("no image")
		}
	}
}

// cut passes only the first bytes of a body.
type cut struct {
	http.ResponseWriter
	left int
}

func (c *cut) Write(p []byte) (int, error) {
	n := min(len(p), c.left)
	c.left -= n
	if _, err := c.ResponseWriter.Write(p[:n]); err != nil {
		return 0, err
	}
	c.ResponseWriter.(http.Flusher).Flush()
	return len(p), nil
}

// A permanent failure is an error with the place and a hint. The tag stays.
func TestFaultsThatStay(t *testing.T) {
	for what, c := range map[string]struct {
		fault func(http.ResponseWriter, *http.Request) bool
		want  string
		hint  string
	}{
		"not logged in":       {faulty(99, "GET", "/manifests/", status(401)), "401", "docker login"},
		"unknown":             {faulty(99, "GET", "/manifests/", status(404)), "404", "check the name"},
		"down":                {faulty(99, "GET", "/v2/", status(503)), "503", ""},
		"limited":             {faulty(99, "GET", "/manifests/", status(429)), "429", "try again later"},
		"a blob is gone":      {faulty(99, "GET", "/blobs/", status(404)), "404", "check the name"},
		"stalls for good":     {faulty(99, "GET", "/blobs/", half), "", ""},
		"no leave to push":    {faulty(99, "POST", "/uploads/", status(403)), "403", "docker login"},
		"the upload fails":    {faulty(99, "PUT", "/uploads/", status(500)), "send sha256:", ""},
		"no such media types": {faulty(99, "PUT", "/manifests/", status(415)), "send the manifest", ""},
	} {
		t.Run(what, func(t *testing.T) {
			r, text := seeded(t)
			l, _ := patient()
			before, err := getFrom(t, l, text)
			must(t, err)
			r.Fault(c.fault)
			img, err := patched(t, l, text)
			if err == nil {
				err = putTo(t, l, text, img)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !errors.Is(err, ErrUnreachable) && c.hint != "" {
				t.Fatalf("%v, want %q", err, c.want)
			}
			if h, ok := errors.AsType[interface {
				error
				Hint() string
			}](err); c.hint != "" && (!ok || !strings.Contains(h.Hint(), c.hint)) {
				t.Errorf("no hint of %q: %v", c.hint, err)
			}
			r.Fault(nil)
			if after, err := getFrom(t, l, text); err != nil || after.Descriptor.Digest != before.Descriptor.Digest {
				t.Errorf("the tag was moved: %v", err)
			}
		})
	}
}

// False statements of a registry about its content are detected.
func TestRegistryLies(t *testing.T) {
	r, text := seeded(t)
	l, _ := patient()
	img, err := getFrom(t, l, text)
	must(t, err)
	m, err := oci.ParseManifest(img.Descriptor.MediaType, img.Raw())
	must(t, err)
	r.Spoil(string(m.Layers[1].Digest), func(b []byte) []byte { b[9] ^= 1; return b })
	if _, err := patched(t, l, text); err == nil || !strings.Contains(err.Error(), "does not match its digest") {
		t.Errorf("%v", err)
	}
	if _, err := getFrom(t, l, text+"@sha256:"+strings.Repeat("0", 64)); err == nil {
		t.Error("a digest that is not there was found")
	}
}

func TestUnmoved(t *testing.T) {
	r, text := seeded(t)
	l, _ := patient()
	img, err := getFrom(t, l, text)
	must(t, err)
	at, err := l.Parse(text)
	must(t, err)
	must(t, at.Unmoved(t.Context(), img))
	other, err := patched(t, l, text)
	must(t, err)
	must(t, putTo(t, l, text, other))
	if err := at.Unmoved(t.Context(), img); err == nil || !strings.Contains(err.Error(), "pushed anew") {
		t.Errorf("%v", err)
	}
	_ = r
}

// A layout that another program writes meanwhile keeps that program's entries.
func TestUnmovedInLayout(t *testing.T) {
	l, _ := patient()
	layout := roottest.NewLayout(t)
	text := layout.Tag(layout.Image(roottest.Image{Layers: [][]byte{roottest.Tar(t, roottest.File("etc/b", "old"))}}), "x")
	at, err := l.Parse(text)
	must(t, err)
	img, err := at.Get(t.Context())
	must(t, err)
	other, err := patched(t, l, text)
	must(t, err)
	must(t, at.Unmoved(t.Context(), img))
	must(t, at.Put(t.Context(), other))
	if err := at.Unmoved(t.Context(), img); err == nil || !strings.Contains(err.Error(), "anew meanwhile") {
		t.Errorf("%v", err)
	}
}

// A known layer is not read again, in this run or in another one with the
// cache. A damaged listing in the cache is read from the layer again.
func TestCache(t *testing.T) {
	r, text := seeded(t)
	l, _ := patient()
	dir := t.TempDir()
	run := func(jobs int) (Digest, int) {
		cache, err := OpenCache(dir, slog.New(slog.DiscardHandler))
		must(t, err)
		defer cache.Close()
		r.Moved()
		img, err := getFrom(t, l, text)
		must(t, err)
		result, err := Update(t.Context(), img, edit, Options{Cache: cache, Jobs: jobs, Reads: func(name string) bool { return name == "etc/b" }})
		must(t, err)
		_, down := r.Moved()
		return result.Image.Descriptor.Digest, down
	}
	cold, down := run(1)
	if down < 3<<19 {
		t.Errorf("cold: %d bytes", down)
	}
	warm, down := run(4)
	if down > 2000 || warm != cold {
		t.Errorf("warm: %d bytes, %s and %s", down, cold, warm)
	}
	dir += "/layers-v2"
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		name := dir + "/" + e.Name()
		data, err := os.ReadFile(name)
		must(t, err)
		data[len(data)/2] ^= 1
		must(t, os.WriteFile(name, data, 0o644))
	}
	dir = filepath.Dir(dir)
	if again, down := run(4); again != cold || down < 3<<19 {
		t.Errorf("damaged: %d bytes, %s", down, again)
	}
}
