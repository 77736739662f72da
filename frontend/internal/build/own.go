package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/gateway/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"

	"github.com/certgraft/certgraft/frontend/internal/graph"
	"github.com/certgraft/certgraft/frontend/internal/steps"
)

// settingsOf returns the settings for steps. They depend on the abilities of the
// engine, on this program's own image, and on the options of the build.
func settingsOf(ctx context.Context, c client.Client, o options) (steps.Settings, error) {
	s := steps.Settings{At: steps.BelowDev, Sources: o.sources, Mode: o.mode}
	opts := c.BuildOpts()
	if err := opts.Caps.Supports(gatewaypb.CapReferenceOutput); err != nil {
		return s, fmt.Errorf("certgraft: this engine does not say what a build is made of, use Docker 20.10, BuildKit 0.8 or newer: %w", err)
	}
	if err := opts.LLBCaps.Supports(pb.CapExecMountSecret); err != nil {
		return s, fmt.Errorf("certgraft: this engine has no secrets, use Docker 20.10, BuildKit 0.8 or newer: %w", err)
	}
	if opts.LLBCaps.Supports(pb.CapSourceDateEpoch) == nil { // the release with it also removes mount points recursively, which no capability tells
		s.At = steps.InRoot
	}
	var err error
	if s.Own, err = ownImage(ctx, c); err != nil {
		return s, fmt.Errorf("certgraft: %w", err)
	}
	if _, err := os.Stat(steps.Program); err != nil {
		return s, fmt.Errorf("certgraft: the frontend's own image has no %s, build it by frontend/Dockerfile: %w", steps.Program, err)
	}
	s.Baked, err = hasBaked()
	return s, err
}

// ownImage returns the graph of this program's own image, pinned by digest.
func ownImage(ctx context.Context, c client.Client) (*graph.Graph, error) {
	state, err := ownState(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("find the frontend's own image: %w", err)
	}
	def, err := state.Marshal(ctx)
	if err != nil {
		return nil, err
	}
	return graph.Decode(def.ToPB())
}

// ownState asks the engine for the image. Docker 20.10 tells only its name.
func ownState(ctx context.Context, c client.Client) (llb.State, error) {
	if teller, ok := c.(interface{ CurrentFrontend() (*llb.State, error) }); ok {
		if state, err := teller.CurrentFrontend(); err != nil || state != nil {
			return *cmp.Or(state, &llb.State{}), err
		}
	}
	source := c.BuildOpts().Opts["source"]
	if source == "" {
		return llb.State{}, errors.New("the engine does not name it: use the frontend as an image, by BUILDKIT_SYNTAX or # syntax=")
	}
	named, err := reference.ParseNormalizedNamed(source)
	if err != nil {
		return llb.State{}, err
	}
	named = reference.TagNameOnly(named)
	_, digest, _, err := c.ResolveImageConfig(ctx, named.String(), sourceresolver.Opt{})
	if err != nil {
		return llb.State{}, err
	}
	if digest != "" { // the image is in a registry
		if named, err = reference.WithDigest(named, digest); err != nil {
			return llb.State{}, err
		}
	}
	return llb.Image(named.String()), nil
}

// hasBaked reports whether a company added CAs to the image.
func hasBaked() (bool, error) {
	entries, err := os.ReadDir(steps.Baked)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("certgraft: find the CAs of the frontend's own image: %w", err)
	}
	return len(entries) > 0, nil
}
