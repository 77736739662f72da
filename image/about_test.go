package image

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/certgraft/certgraft/internal/roottest"
)

// A registry without the referrers API may have referrers under a tag, as the
// specification says. A registry that does not answer is not waited for.
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

// A list of referrers comes in pages, each with the address of the next. An
// address on another server, or of the same page, ends the list.
func TestI12ReferrersInPages(t *testing.T) {
	r, text := seeded(t)
	l, _ := patient()
	img, err := getFrom(t, l, text)
	must(t, err)
	digest := func(i int) string { return fmt.Sprintf("sha256:%064x", i) }
	page := func(from, to int) string {
		var all []string
		for i := from; i < to; i++ {
			all = append(all, fmt.Sprintf(`{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":%q,"size":2}`, digest(i)))
		}
		return `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[` + strings.Join(all, ",") + `]}`
	}
	for what, c := range map[string]struct {
		links []string
		want  int
	}{
		"one page":    {nil, 3},
		"three":       {[]string{`</v2/app/referrers/x?last=1&n=3>; rel="next"`, `<?last=2>; rel=next`}, 9},
		"whole":       {[]string{"<" + r.URL + `/v2/app/referrers/x?last=1>; title="x"; rel="next"`}, 6},
		"elsewhere":   {[]string{`<http://127.0.0.1:1/v2/app/referrers/x?last=1>; rel="next"`}, 3},
		"to itself":   {[]string{`<>; rel="next"`}, 3},
		"another rel": {[]string{`</v2/app/referrers/x?last=1>; rel="prev"`}, 3},
		"two rels":    {[]string{`</v2/app/referrers/x?first>; rel="first", </v2/app/referrers/x?last=1,2>; rel="next"`}, 6},
		"no URL":      {[]string{`<http://[::1>; rel="next"`}, 3},
		"no end":      {slices.Repeat([]string{`<?last=1>; rel="next"`, `<?last=2>; rel="next"`}, 2000), 1002},
	} {
		t.Run(what, func(t *testing.T) {
			asked := 0
			r.Fault(func(w http.ResponseWriter, req *http.Request) bool {
				if !strings.Contains(req.URL.Path, "/referrers/") {
					return false
				}
				if asked < len(c.links) {
					w.Header().Set("Link", c.links[asked])
				}
				_, _ = io.WriteString(w, page(asked*3, asked*3+3))
				asked++
				return true
			})
			at, err := l.Parse(text)
			must(t, err)
			got := at.About(t.Context(), img.Descriptor.Digest)
			if len(got) != c.want || got[0] != "the referrer "+digest(0) || got[c.want-1] != "the referrer "+digest(c.want-1) {
				t.Errorf("%d referrers, want %d", len(got), c.want)
			}
		})
	}
}
