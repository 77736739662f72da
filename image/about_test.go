package image

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/certgraft/certgraft/internal/roottest"
)

// A registry that does not list referrers may have them under a tag, as the
// specification says; one that gives no answer is not waited for.
func TestI12ReferrersByTag(t *testing.T) {
	r, text := seeded(t)
	l, _ := patient()
	img, err := getFrom(t, l, text)
	must(t, err)
	layout := roottest.NewLayout(t)
	says := layout.Image(roottest.Image{Manifest: map[string]any{"artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json"}})
	index, err := getFrom(t, l, layout.Tag(layout.Index(roottest.OCIIndex, nil, says), "x"))
	must(t, err)
	tag := strings.Replace(string(img.Descriptor.Digest), ":", "-", 1)
	must(t, putTo(t, l, r.Host+"/app:"+tag, index))
	at, err := l.Parse(text)
	must(t, err)
	if got := at.About(t.Context(), img.Descriptor.Digest); !slices.Equal(got, []string{"the referrer " + says.Digest()}) {
		t.Errorf("%q", got)
	}

	r.Fault(func(_ http.ResponseWriter, req *http.Request) bool {
		hangs := strings.Contains(req.URL.Path, "/referrers/")
		if hangs {
			<-req.Context().Done()
		}
		return hangs
	})
	l, _ = patient()
	l.client.Spare = 50 * time.Millisecond
	at, err = l.Parse(text)
	must(t, err)
	start := time.Now()
	if got := at.About(t.Context(), img.Descriptor.Digest); len(got) > 0 || time.Since(start) > 20*time.Second {
		t.Errorf("%q after %v", got, time.Since(start))
	}
}
