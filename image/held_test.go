package image

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/roottest"
)

// pushesThere patches the image at text, puts it at to and reads it back.
func pushesThere(t *testing.T, l *Locations, text, to string) {
	t.Helper()
	img, err := patched(t, l, text)
	must(t, err)
	must(t, putTo(t, l, to, img))
	again, err := getFrom(t, l, to)
	must(t, err)
	if again.Descriptor.Digest != img.Descriptor.Digest {
		t.Errorf("%s became %s", img.Descriptor.Digest, again.Descriptor.Digest)
	}
	m, err := oci.ParseManifest(again.Descriptor.MediaType, again.Raw())
	must(t, err)
	for _, d := range oci.BlobsOf(m) {
		if _, err := oci.Read(t.Context(), again.Blobs(), d); err != nil && d.Size < oci.MaxDocument {
			t.Errorf("%s: %v", d.Digest, err)
		}
	}
}

// A registry that does not mount, with any answer, gets the blob.
func TestMountsThatAreNotMade(t *testing.T) {
	for what, answer := range map[string]func(http.ResponseWriter){
		"401":           func(w http.ResponseWriter) { w.WriteHeader(http.StatusUnauthorized) },
		"403":           func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) },
		"404":           func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) },
		"405":           func(w http.ResponseWriter) { w.WriteHeader(http.StatusMethodNotAllowed) },
		"200 with none": func(http.ResponseWriter) {},
		"500":           func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) },
		"202 without a place": func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusAccepted)
		},
	} {
		t.Run(what, func(t *testing.T) {
			r, text := seeded(t)
			l, waited := patient()
			r.Fault(faulty(99, "POST", "mount=", answer))
			pushesThere(t, l, text, r.Host+"/moved:1")
			if waited.Load() > 0 {
				t.Errorf("waited %v", time.Duration(waited.Load()))
			}
		})
	}
}

// The address of an upload is followed as given: complete, without a host,
// without a path, with a query, and on another server.
func TestUploadPlaces(t *testing.T) {
	for what, place := range map[string]string{
		"whole":        "http://HOST/v2/moved/blobs/uploads/1?state=a%2Fb%3D",
		"own scheme":   "//HOST/v2/moved/blobs/uploads/1",
		"no host":      "/v2/moved/blobs/uploads/1?state=a+b",
		"relative":     "1",
		"relative up":  "../uploads/1?x=y",
		"query alone":  "?state=x",
		"own digest":   "/v2/moved/blobs/uploads/1?digest=sha256:0",
		"odd in names": "/v2/moved/blobs/uploads/a%20b=_~%3D%3D",
	} {
		t.Run(what, func(t *testing.T) {
			r, text := seeded(t)
			l, _ := patient()
			var asked atomic.Int32
			r.Fault(func(w http.ResponseWriter, req *http.Request) bool {
				if req.Method != http.MethodPost || strings.Contains(req.URL.RawQuery, "mount=") {
					return false
				}
				asked.Add(1)
				w.Header().Set("Location", strings.ReplaceAll(place, "HOST", r.Host))
				w.WriteHeader(http.StatusAccepted)
				return true
			})
			pushesThere(t, l, text, r.Host+"/moved:1")
			if asked.Load() == 0 {
				t.Error("no place was asked for")
			}
		})
	}
	r, text := seeded(t)
	l, _ := patient()
	img, err := patched(t, l, text)
	must(t, err)
	r.Fault(faulty(99, "POST", "/uploads/", func(w http.ResponseWriter) { w.WriteHeader(http.StatusAccepted) }))
	if err := putTo(t, l, r.Host+"/moved:1", img); err == nil || !strings.Contains(err.Error(), "does not say where to send") {
		t.Errorf("no place at all: %v", err)
	}
}

// The content decides, not the registry's Content-Type.
func TestContentTypesThatAreWrong(t *testing.T) {
	for _, mediaType := range []string{"text/plain", "application/json", "application/octet-stream", "APPLICATION/VND.OCI.IMAGE.MANIFEST.V1+JSON", "application/vnd.oci.image.manifest.v1+json; charset=utf-8", " "} {
		r, text := seeded(t)
		l, _ := patient()
		r.Fault(func(w http.ResponseWriter, req *http.Request) bool {
			if req.Method != http.MethodGet {
				return false
			}
			r.Answer(&retyped{w, mediaType}, req)
			return true
		})
		pushesThere(t, l, text, r.Host+"/app:2")
	}
}

// retyped is an answer with another Content-Type.
type retyped struct {
	http.ResponseWriter
	mediaType string
}

func (r *retyped) Write(p []byte) (int, error) {
	r.Header().Set("Content-Type", r.mediaType)
	return r.ResponseWriter.Write(p)
}

// A blob that is shorter or longer than its descriptor says is not accepted.
func TestBlobsOfAnotherLength(t *testing.T) {
	for what, change := range map[string]func([]byte) []byte{
		"a byte less":  func(b []byte) []byte { return bytes.Clone(b[:len(b)-1]) },
		"half":         func(b []byte) []byte { return bytes.Clone(b[:len(b)/2]) },
		"nothing":      func([]byte) []byte { return []byte{} },
		"a byte more":  func(b []byte) []byte { return append(b, 0) },
		"twice":        func(b []byte) []byte { return append(b, b...) },
		"another byte": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
	} {
		t.Run(what, func(t *testing.T) {
			r, text := seeded(t)
			l, _ := patient()
			img, err := getFrom(t, l, text)
			must(t, err)
			m, err := oci.ParseManifest(img.Descriptor.MediaType, img.Raw())
			must(t, err)
			r.Spoil(string(m.Layers[0].Digest), change)
			if _, err := patched(t, l, text); err == nil || !strings.Contains(err.Error(), string(m.Layers[0].Digest)) {
				t.Errorf("%v", err)
			}
		})
	}
}

// A challenge of a registry is understood in every spelling, and tokens that
// last one second are renewed.
func TestChallenges(t *testing.T) {
	const account = "ann:s3cret"
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(account))
	for what, challenge := range map[string]string{
		"basic":               `Basic realm="x"`,
		"basic, small":        `basic realm="x"`,
		"basic, large":        `BASIC REALM="x"`,
		"basic, bare":         `Basic`,
		"bearer":              `Bearer realm="http://HOST/token",service="x"`,
		"bearer, small":       `bearer realm="http://HOST/token",service="x"`,
		"bearer, large":       `BEARER Realm="http://HOST/token",Service="x"`,
		"bearer, no service":  `Bearer realm="http://HOST/token"`,
		"bearer, spaces":      `Bearer realm="http://HOST/token", service="x", scope="repository:app:pull"`,
		"bearer, other order": `Bearer service="x",error="invalid_token",realm="http://HOST/token"`,
	} {
		t.Run(what, func(t *testing.T) {
			r, text := seeded(t)
			var tokens atomic.Int32
			r.Fault(func(w http.ResponseWriter, req *http.Request) bool {
				if req.URL.Path == "/token" {
					if req.Header.Get("Authorization") != basic {
						w.WriteHeader(http.StatusUnauthorized)
						return true
					}
					fmt.Fprintf(w, `{"access_token":"t%d","expires_in":1,"issued_at":"2020-01-01T00:00:00Z"}`, tokens.Add(1))
					return true
				}
				want := basic
				if strings.HasPrefix(strings.ToLower(challenge), "bearer") {
					want = "Bearer t"
				}
				if got := req.Header.Get("Authorization"); strings.HasPrefix(got, want) {
					return false
				}
				w.Header().Set("WWW-Authenticate", strings.ReplaceAll(challenge, "HOST", r.Host))
				w.WriteHeader(http.StatusUnauthorized)
				return true
			})
			l, _ := patient()
			l.Env = inHome(t, map[string]string{"auth": accounts(r.Host, "ann", "s3cret")})
			pushesThere(t, l, text, r.Host+"/moved:1")
		})
	}
}

// Layers are read in all common forms: several members or frames, bytes after
// the end, empty, and twice in one image.
func TestLayersAsTheyArePacked(t *testing.T) {
	files := roottest.Tar(t, roottest.File("etc/b", "old"))
	half := len(files) / 2
	pack := func(kind string, parts ...[]byte) []byte {
		var all bytes.Buffer
		for _, p := range parts {
			all.Write(roottest.Pack(t, kind, p))
		}
		return all.Bytes()
	}
	gz, zst := "application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.oci.image.layer.v1.tar+zstd"
	empty := roottest.Tar(t)
	for what, c := range map[string]struct {
		mediaType string
		packed    []byte
	}{
		"gzip members":          {gz, pack("gzip", files[:half], files[half:])},
		"an empty gzip member":  {gz, append(pack("gzip", files), pack("gzip", nil)...)},
		"zstd frames":           {zst, pack("zstd", files[:half], files[half:])},
		"a skippable frame":     {zst, append([]byte{0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4}, pack("zstd", files)...)},
		"zeros behind the tar":  {gz, pack("gzip", append(bytes.Clone(files), make([]byte, 1<<16)...))},
		"waste behind the tar":  {gz, pack("gzip", append(bytes.Clone(files), bytes.Repeat([]byte("x"), 1000)...))},
		"plain in spite of +gz": {gz, files},
	} {
		t.Run(what, func(t *testing.T) {
			l := roottest.NewLayout(t)
			one := l.Blob(c.mediaType, c.packed)
			none := l.Blob(gz, pack("gzip", empty))
			manifest := map[string]any{"layers": []roottest.Descriptor{none, one, none, one}}
			text := l.Tag(l.Image(roottest.Image{Layers: [][]byte{empty, files, empty, files}, Manifest: manifest}), "x")
			img, err := getFrom(t, &Locations{}, text)
			must(t, err)
			r := roottest.NewRegistry(t)
			must(t, putTo(t, &Locations{}, r.Host+"/app:1", img))
			at, _ := patient()
			pushesThere(t, at, r.Host+"/app:1", r.Host+"/app:2")
			got, err := getFrom(t, at, r.Host+"/app:2")
			must(t, err)
			root, _, err := Root(t.Context(), got, Options{})
			must(t, err)
			if data, err := root.(interface {
				ReadFile(name string) ([]byte, error)
			}).ReadFile("etc/b"); err != nil || string(data) != "new" {
				t.Errorf("%q %v", data, err)
			}
		})
	}
}

// Odd names of registries and repositories are requested as they are.
func TestOddNames(t *testing.T) {
	r, text := seeded(t)
	l, _ := patient()
	img, err := patched(t, l, text)
	must(t, err)
	port := r.Host[strings.LastIndex(r.Host, ":"):]
	for _, name := range []string{"127.0.0.1" + port + "/a/b/c/d/e:1", "localhost" + port + "/x__y--z.w:V-1_2.3", "docker://" + r.Host + "/0:" + strings.Repeat("t", 128), r.Host + "/app:1@" + string(img.Descriptor.Digest)} {
		if strings.Contains(name, "@") {
			name = strings.Replace(name, "/app:1@", "/a/b/c/d/e:1@", 1)
		} else {
			must(t, putTo(t, l, name, img))
		}
		if again, err := getFrom(t, l, name); err != nil || again.Descriptor.Digest != img.Descriptor.Digest {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A manifest over 8 MiB is refused, however it is sent.
func TestManifestOverEightMegabytes(t *testing.T) {
	r, text := seeded(t)
	l, _ := patient()
	r.Fault(func(w http.ResponseWriter, req *http.Request) bool {
		if req.Method != http.MethodGet || !strings.Contains(req.URL.Path, "/manifests/") {
			return false
		}
		w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		for range 9 << 4 {
			if _, err := w.Write(bytes.Repeat([]byte(" "), 1<<16)); err != nil {
				break
			}
		}
		return true
	})
	if _, err := getFrom(t, l, text); err == nil || !strings.Contains(err.Error(), "exceeds 8 MiB") {
		t.Errorf("%v", err)
	}
}

// A repository for the cache that does not work costs one warning.
func TestCacheRepositoriesThatDoNotServe(t *testing.T) {
	for what, fault := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"401":           always(status(401)),
		"403 on pushes": faulty(999, "POST", "/uploads/", status(403)),
		"404":           always(status(404)),
		"405":           always(status(405)),
		"500":           always(status(500)),
		"resets":        always(reset),
		"415":           faulty(999, "PUT", "/manifests/", status(415)),
		"no JSON":       faulty(999, "GET", "/manifests/", func(w http.ResponseWriter) { _, _ = w.Write([]byte("<html>")) }),
	} {
		t.Run(what, func(t *testing.T) {
			_, text := seeded(t)
			l, _ := patient()
			cache := roottest.NewRegistry(t)
			cache.Fault(fault)
			var warned atomic.Int32
			repo, err := l.CacheRepo(cache.Host+"/cache", false, func(string) { warned.Add(1) })
			must(t, err)
			img, err := getFrom(t, l, text)
			must(t, err)
			ctx, stop := context.WithTimeout(t.Context(), time.Minute)
			defer stop()
			if _, err := Update(ctx, img, edit, Options{CacheRepo: repo}); err != nil || warned.Load() > 2 {
				t.Errorf("%v, %d warnings", err, warned.Load())
			}
		})
	}
}

// A damaged cache directory does not stop a run.
func TestDamagedCacheIsReadPast(t *testing.T) {
	_, text := seeded(t)
	l, _ := patient()
	dir := t.TempDir()
	run := func() Digest {
		cache, err := OpenCache(dir, slog.New(slog.DiscardHandler))
		must(t, err)
		defer cache.Close()
		img, err := getFrom(t, l, text)
		must(t, err)
		result, err := Update(t.Context(), img, edit, Options{Cache: cache})
		must(t, err)
		return result.Image.Descriptor.Digest
	}
	want := run()
	for what, damage := range map[string]func([]byte) []byte{
		"emptied":   func([]byte) []byte { return nil },
		"cut off":   func(b []byte) []byte { return b[:len(b)/2] },
		"another":   func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"text":      func([]byte) []byte { return []byte("hello") },
		"with more": func(b []byte) []byte { return append(b, b...) },
	} {
		n := 0
		must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			n++
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(path, damage(data), 0o600)
		}))
		if got := run(); got != want || n == 0 {
			t.Errorf("%s: %s from %d files, want %s", what, got, n, want)
		}
	}
}

// always gives every request the same answer.
func always(answer func(http.ResponseWriter)) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool { answer(w); return true }
}
