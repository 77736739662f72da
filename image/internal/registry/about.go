package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/sync/errgroup"

	"github.com/certgraft/certgraft/image/internal/oci"
	"github.com/certgraft/certgraft/internal/web"
)

// About lists the content of the repository that describes the image with that
// digest and stays attached to it: the tags that cosign derives from the
// digest, and referrers. It lists nothing if the registry does not answer.
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
	_ = group.Wait() // no call fails
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

// referrers lists the manifests whose subject is the digest. A registry without
// the referrers API may have them under a tag. See "Listing Referrers" and
// "Referrers Tag Schema" in the distribution specification.
func (r *Repository) referrers(ctx context.Context, digest oci.Digest) (all []string) {
	add := func(raw []byte) bool {
		var index oci.Manifest
		if json.Unmarshal(raw, &index) != nil {
			return false
		}
		for _, d := range index.Manifests {
			all = append(all, "the referrer "+string(d.Digest))
		}
		return len(index.Manifests) > 0
	}
	raw, next, err := r.firstReferrers(ctx, digest)
	if err != nil {
		return nil
	}
	for add(raw) && next != nil && len(all) < maxReferrers {
		if raw, next, err = r.referrersPage(ctx, next); err != nil {
			break
		}
	}
	return all
}

// firstReferrers returns the first page of the list, or the list under the tag.
// A registry without the referrers API is asked only once.
func (r *Repository) firstReferrers(ctx context.Context, digest oci.Digest) (raw []byte, next *url.URL, err error) {
	_, none := r.client.listless.Load(r.name.RegistryStr())
	if !none {
		if raw, next, err = r.referrersPage(ctx, r.url("referrers", string(digest))); err == nil {
			return raw, next, nil
		}
		if IsNotFound(err) {
			r.client.listless.Store(r.name.RegistryStr(), true)
		}
	}
	_, raw, err = r.Manifest(ctx, tagOf(digest))
	return raw, nil, err
}

// maxReferrers stops the paging.
const maxReferrers = 1000

// referrersPage returns a page of the list and the address of the next one, or
// nil. The next page must be on the same server, since the request has the
// token.
func (r *Repository) referrersPage(ctx context.Context, at *url.URL) (raw []byte, next *url.URL, err error) {
	resp, err := r.ask(ctx, question{method: http.MethodGet, at: at}, http.StatusOK)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	if to, err := at.Parse(nextLink(resp.Header)); err == nil && to.Host == at.Host {
		to.Scheme = at.Scheme // the client knows which servers have only http
		if *to != *at {
			next = to
		}
	}
	raw, err = io.ReadAll(io.LimitReader(resp.Body, oci.MaxDocument))
	return raw, next, err
}

// nextLink returns the address of the next page of a list, see RFC 8288.
func nextLink(header http.Header) string {
	for _, links := range header.Values("Link") {
		for link := range strings.SplitSeq(links, "<") {
			target, says, _ := strings.Cut(link, ">")
			if strings.Contains(strings.ReplaceAll(says, `"`, ""), "rel=next") {
				return target
			}
		}
	}
	return ""
}

// tagOf returns the tag for content that describes a digest.
func tagOf(digest oci.Digest) string { return strings.Replace(string(digest), ":", "-", 1) }
