package known

import (
	"strings"
	"testing"

	"github.com/certgraft/certgraft/image/internal/oci"
)

func TestCacheRepoTag(t *testing.T) {
	if tag := tagOf(oci.Digest("sha512:" + strings.Repeat("a", 128))); len(tag) > 128 {
		t.Errorf("a tag of %d characters", len(tag))
	}
	var none *CacheRepo
	none.store(t.Context(), "sha256:x", nil)
	if none.load(t.Context(), "sha256:x") != nil {
		t.Error("no cache knows something")
	}
}
