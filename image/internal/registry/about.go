package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/sync/errgroup"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/web"
)

// About returns what the repository has that is about an image of that digest, and
// stays about it: the tags that cosign makes of a digest, and referrers. A registry
// that does not say has none.
func (r *Location) About(ctx context.Context, digest oci.Digest) []string {
	repo, err := r.repository(ctx, transport.PullScope)
	if err != nil {
		return nil
	}
	ctx, stop := context.WithTimeout(web.Once(ctx), cmp.Or(repo.client.Spare, 10*time.Second))
	defer stop()
	var mu sync.Mutex
	var all []string
	add := func(names ...string) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, names...)
	}
	var group errgroup.Group
	for _, kind := range []string{".sig", ".att", ".sbom"} {
		group.Go(func() error {
			tag := tagOf(digest) + kind
			if repo.hasTag(ctx, tag) {
				add("the tag " + tag)
			}
			return nil
		})
	}
	group.Go(func() error { add(repo.referrers(ctx, digest)...); return nil })
	_ = group.Wait() // none fails
	slices.Sort(all)
	return all
}

func (r *Repository) hasTag(ctx context.Context, tag string) bool {
	resp, err := r.head(ctx, question{at: r.url("manifests", tag), key: "Accept", header: strings.Join(oci.ManifestTypes, ",")})
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// referrers asks for the manifests that name the digest as their subject. A registry
// without an answer of its own may have them under a tag. See "Listing Referrers" and
// "Referrers Tag Schema" in the distribution specification.
func (r *Repository) referrers(ctx context.Context, digest oci.Digest) (all []string) {
	raw, err := r.referrersIndex(ctx, digest)
	if err != nil {
		return nil
	}
	var index oci.Manifest
	if json.Unmarshal(raw, &index) != nil {
		return nil
	}
	for _, d := range index.Manifests {
		all = append(all, "the referrer "+string(d.Digest))
	}
	return all
}

func (r *Repository) referrersIndex(ctx context.Context, digest oci.Digest) ([]byte, error) {
	resp, err := r.ask(ctx, question{method: http.MethodGet, at: r.url("referrers", string(digest))}, http.StatusOK)
	if err != nil {
		_, raw, err := r.Manifest(ctx, tagOf(digest))
		return raw, err
	}
	defer resp.Body.Close()
	return io.ReadAll(io.LimitReader(resp.Body, oci.MaxDocument))
}

// tagOf returns the tag that stands for what is about a digest.
func tagOf(digest oci.Digest) string { return strings.Replace(string(digest), ":", "-", 1) }
