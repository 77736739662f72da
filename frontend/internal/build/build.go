// Package build is the frontend: [Build] runs Dockerfile's own frontend, and
// puts certgraft in front of the RUN steps of the result.
//
// It edits the final result and not each solved graph: reading the Dockerfile
// and the context solves graphs too.
package build

import (
	"context"
	"fmt"
	"maps"

	"github.com/moby/buildkit/frontend/dockerfile/builder"
	"github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"

	"github.com/certgraft/certgraft/frontend/internal/graph"
	"github.com/certgraft/certgraft/frontend/internal/steps"
)

// Build is the entry point for the engine.
func Build(ctx context.Context, c client.Client) (*client.Result, error) {
	opts := c.BuildOpts().Opts
	asked, err := parseOptions(opts)
	if err != nil {
		return nil, err
	}
	result, err := builder.Build(ctx, unforwarded{c})
	if err != nil || result.IsEmpty() { // a check, an outline or a list of targets
		return result, err
	}
	settings, err := settingsOf(ctx, c, asked)
	if err != nil {
		return nil, err
	}
	b := &trusting{c, settings, asked.install}
	if err := b.edit(ctx, result); err != nil {
		return nil, fmt.Errorf("certgraft: %w", err)
	}
	return result, nil
}

// unforwarded is a client that builds the Dockerfile here, although its syntax
// line names another frontend.
type unforwarded struct{ client.Client }

// BuildOpts reports that the syntax line has been followed.
func (c unforwarded) BuildOpts() client.BuildOpts {
	o := c.Client.BuildOpts()
	o.Opts = maps.Clone(o.Opts)
	if o.Opts == nil {
		o.Opts = map[string]string{}
	}
	if _, followed := o.Opts["cmdline"]; !followed {
		o.Opts["cmdline"] = o.Opts["source"]
	}
	return o
}

// trusting edits results.
type trusting struct {
	client   client.Client
	settings steps.Settings
	install  bool
}

// edit replaces each reference of the result by an edited one, for one platform
// or several. Attestations stay unchanged.
func (b *trusting) edit(ctx context.Context, result *client.Result) error {
	if result.Ref != nil {
		ref, err := b.reference(ctx, result, "", result.Ref)
		if err != nil {
			return err
		}
		result.SetRef(ref)
	}
	for id, ref := range result.Refs {
		if ref == nil {
			continue
		}
		edited, err := b.reference(ctx, result, id, ref)
		if err != nil {
			return err
		}
		result.Refs[id] = edited
	}
	return nil
}

// reference returns the edited form of a reference. It runs no step.
func (b *trusting) reference(ctx context.Context, result *client.Result, id string, ref client.Reference) (client.Reference, error) {
	g, err := graphOf(ctx, ref)
	if err != nil || g == nil {
		return ref, err
	}
	windows, err := b.settings.Trust(g)
	if err != nil {
		return nil, err
	}
	if b.install {
		line, err := b.settings.Install(g)
		if err != nil {
			return nil, err
		}
		if err := addHistory(result, id, line); err != nil {
			return nil, err
		}
	}
	def, err := g.Encode()
	if err != nil {
		return nil, err
	}
	if windows > 0 {
		b.warn(ctx, def, fmt.Sprintf("certgraft leaves %d RUN steps for Windows as they are: it has no stores there", windows))
	}
	solved, err := b.client.Solve(ctx, client.SolveRequest{Definition: def})
	if err != nil {
		return nil, err
	}
	return solved.SingleRef()
}

// graphOf returns the graph of a reference, or nil for an empty one.
func graphOf(ctx context.Context, ref client.Reference) (*graph.Graph, error) {
	state, err := ref.ToState()
	if err != nil {
		return nil, err
	}
	def, err := state.Marshal(ctx)
	if err != nil {
		return nil, err
	}
	if len(def.Def) == 0 {
		return nil, nil
	}
	return graph.Decode(def.ToPB())
}

// warn shows a line at the end of the build. It ignores a failure to do so.
func (b *trusting) warn(ctx context.Context, def *pb.Definition, text string) {
	_ = b.client.Warn(ctx, resultOf(def), text, client.WarnOpts{Level: 1})
}
