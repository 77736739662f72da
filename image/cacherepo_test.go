package image

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/roottest"
)

// knowing is a run that keeps its listings of layers in a registry.
type knowing struct {
	locations *Locations
	image     string
	repo      string
	warnings  []string
}

func (k *knowing) update(t *testing.T, readOnly bool) Digest {
	t.Helper()
	cache, err := OpenCache(t.TempDir(), slog.New(slog.DiscardHandler))
	must(t, err)
	defer cache.Close()
	repo, err := k.locations.CacheRepo(k.repo, readOnly, func(m string) { k.warnings = append(k.warnings, m) })
	must(t, err)
	img, err := getFrom(t, k.locations, k.image)
	must(t, err)
	result, err := Update(t.Context(), img, edit, Options{Cache: cache, CacheRepo: repo, Reads: func(name string) bool { return name == "etc/b" }})
	must(t, err)
	return result.Image.Descriptor.Digest
}

// A runner with an empty disk reads no layer that another runner has read.
func TestCacheRepo(t *testing.T) {
	r, text := seeded(t)
	facts := roottest.NewRegistry(t)
	l, _ := patient()
	k := &knowing{locations: l, image: text, repo: facts.Host + "/ci/facts"}
	if k.update(t, true); len(facts.Requests()) == 0 {
		t.Fatal("the cache was not asked")
	}
	if up, _ := facts.Moved(); up > 0 {
		t.Errorf("a run that may only read wrote %d bytes", up)
	}
	r.Moved()
	cold := k.update(t, false)
	if _, down := r.Moved(); down < 3<<19 {
		t.Errorf("cold: %d bytes of layers", down)
	}
	put := slices.DeleteFunc(facts.Requests(), func(s string) bool { return !strings.HasPrefix(s, "PUT manifests/layers-v2-sha256-") })
	if len(put) != 2 {
		t.Errorf("%q", put)
	}
	r.Requests()
	warm := k.update(t, false)
	for _, asked := range r.Requests() {
		if strings.HasPrefix(asked, "GET blobs/") && !strings.Contains(asked, string(configOf(t, l, text))) {
			t.Errorf("warm: %s", asked)
		}
	}
	if warm != cold || len(k.warnings) > 0 {
		t.Errorf("%s and %s, %q", cold, warm, k.warnings)
	}
	if up, _ := facts.Moved(); up == 0 {
		t.Error("nothing was kept")
	}
}

func configOf(t *testing.T, l *Locations, text string) Digest {
	t.Helper()
	img, err := getFrom(t, l, text)
	must(t, err)
	m, err := oci.ParseManifest(img.Descriptor.MediaType, img.Raw())
	must(t, err)
	return m.Config.Digest
}

// kept returns the tag of a layer's listing.
func kept(digest Digest) string {
	return "layers-v2-" + strings.Replace(string(digest), ":", "-", 1)
}

// A listing that is damaged, of another kind or about another layer counts as
// missing.
func TestCacheRepoIgnoresWhatIsOdd(t *testing.T) {
	for what, spoil := range map[string]func(r *roottest.Registry, tags []string){
		"about another layer": func(r *roottest.Registry, tags []string) { r.Retag("facts", tags[0], tags[1]) },
		"an image": func(r *roottest.Registry, tags []string) {
			for _, tag := range tags {
				r.Retag("facts", "image", tag)
			}
		},
		"damaged": func(r *roottest.Registry, _ []string) {
			r.SpoilAll("facts", func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
		},
		"gone": func(r *roottest.Registry, _ []string) {
			r.SpoilAll("facts", func([]byte) []byte { return nil })
		},
	} {
		t.Run(what, func(t *testing.T) {
			r, text := seeded(t)
			facts := roottest.NewRegistry(t)
			l, _ := patient()
			k := &knowing{locations: l, image: text, repo: facts.Host + "/facts"}
			cold := k.update(t, false)
			img, err := getFrom(t, l, text)
			must(t, err)
			must(t, putTo(t, l, facts.Host+"/facts:image", img))
			m, err := oci.ParseManifest(img.Descriptor.MediaType, img.Raw())
			must(t, err)
			spoil(facts, []string{kept(m.Layers[0].Digest), kept(m.Layers[1].Digest)})
			r.Moved()
			if again := k.update(t, false); again != cold {
				t.Errorf("%s and then %s", cold, again)
			}
			if _, down := r.Moved(); down < 100 {
				t.Errorf("%d bytes of layers: it was believed", down)
			}
		})
	}
}

// An unreachable cache costs one warning for reading and one for writing, and
// nothing else.
func TestCacheRepoIsDoneWithout(t *testing.T) {
	_, text := seeded(t)
	for what, fault := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"reading nothing": faulty(1<<30, "GET", "/manifests/", status(403)),
		"writing nothing": faulty(1<<30, "POST", "/blobs/", status(403)),
		"down":            faulty(1<<30, "GET", "/v2/", status(500)),
	} {
		t.Run(what, func(t *testing.T) {
			facts := roottest.NewRegistry(t)
			facts.Fault(fault)
			l, _ := patient()
			k := &knowing{locations: l, image: text, repo: facts.Host + "/facts"}
			k.update(t, false)
			if n := len(k.warnings); n < 1 || n > 2 || !strings.Contains(k.warnings[0], facts.Host+"/facts") {
				t.Errorf("%q", k.warnings)
			}
		})
	}
}

// A registry that is down is asked once for reading and once for writing, for
// any number of layers: each request takes a whole timeout.
func TestCacheRepoThatIsDownIsAskedOnce(t *testing.T) {
	layout := roottest.NewLayout(t)
	var layers [][]byte
	for _, name := range []string{"etc/a", "etc/b", "etc/c", "etc/d"} {
		layers = append(layers, roottest.Tar(t, roottest.File(name, "old")))
	}
	text := layout.Tag(layout.Image(roottest.Image{Layers: layers}), "x")
	facts := roottest.NewRegistry(t)
	var asked atomic.Int32
	healthy := "" // what it still answers
	facts.Fault(func(w http.ResponseWriter, req *http.Request) bool {
		if req.URL.Path == healthy {
			return false
		}
		asked.Add(1)
		w.WriteHeader(http.StatusInternalServerError)
		return true
	})
	l, _ := patient()
	k := &knowing{locations: l, image: text, repo: facts.Host + "/facts"}
	k.update(t, false)
	if n := asked.Load(); n != 2*5 || len(k.warnings) != 2 {
		t.Errorf("it was asked %d times: %q", n, k.warnings)
	}
	for _, healthy = range []string{"", "/v2/"} {
		asked.Store(0)
		repo, err := l.CacheRepo(k.repo, true, func(string) {})
		must(t, err)
		img, err := getFrom(t, l, text)
		must(t, err)
		if _, err := Plan(t.Context(), img, Options{CacheRepo: repo}); err != nil || asked.Load() != 5 {
			t.Errorf("for the plan it was asked %d times, %v", asked.Load(), err)
		}
	}
}

func TestCacheRepoName(t *testing.T) {
	for _, text := range []string{"", "a/b:tag", "A/B", "a/b@sha256:" + strings.Repeat("0", 64)} {
		if _, err := (&Locations{}).CacheRepo(text, false, nil); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
