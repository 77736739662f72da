package build

import (
	"context"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/gateway/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/apicaps"
	caps "github.com/moby/buildkit/util/apicaps/pb"
)

// lacking is an engine that lacks one capability.
type lacking struct {
	client.Client
	capability apicaps.CapID
	opts       map[string]string
}

func (e lacking) BuildOpts() client.BuildOpts {
	return client.BuildOpts{Opts: e.opts, Caps: gatewaypb.Caps.CapSet(e.without(gatewaypb.Caps.All())), LLBCaps: pb.Caps.CapSet(e.without(pb.Caps.All()))}
}

func (e lacking) without(all []*caps.APICap) (rest []*caps.APICap) {
	for _, c := range all {
		if c.ID != string(e.capability) {
			rest = append(rest, c)
		}
	}
	return rest
}

// TestEngineLacks: if the engine cannot do what the frontend needs, the error
// names an engine that can.
func TestEngineLacks(t *testing.T) {
	for name, c := range map[string]struct {
		engine lacking
		want   string
	}{
		"graphs":    {lacking{capability: gatewaypb.CapReferenceOutput}, "use Docker 20.10, BuildKit 0.8 or newer"},
		"secrets":   {lacking{capability: pb.CapExecMountSecret}, "use Docker 20.10, BuildKit 0.8 or newer"},
		"own image": {lacking{}, "use the frontend as an image, by BUILDKIT_SYNTAX or # syntax="},
		"odd image": {lacking{opts: map[string]string{"source": "::"}}, "find the frontend's own image"},
	} {
		_, err := settingsOf(context.Background(), c.engine, options{})
		if err == nil || !strings.Contains(err.Error(), "certgraft: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
