package steps

import (
	"github.com/moby/buildkit/solver/pb"

	"github.com/certgraft/certgraft/frontend/internal/graph"
)

// Install appends a step that installs the CAs in the result. It returns the
// step's line for the history. Without a CA the step changes nothing.
func (s Settings) Install(g *graph.Graph) (history string, err error) {
	platform := g.Platform()
	own, err := s.own(g, map[string]*pb.Input{}, platform)
	if err != nil {
		return "", err
	}
	args := append([]string{s.At + Program, "install", "--optional"}, s.sources()...)
	before := g.Result()
	exec := &pb.ExecOp{
		Meta:    &pb.Meta{Args: args, Cwd: "/", User: "0:0", RemoveMountStubsRecursive: true},
		Network: pb.NetMode_NONE,
		Mounts:  []*pb.Mount{{Dest: "/"}},
	}
	op := &pb.Op{Inputs: []*pb.Input{{Digest: before.Digest, Index: before.Index}}, Op: &pb.Op_Exec{Exec: exec}, Platform: platform, Constraints: &pb.WorkerConstraints{}}
	metadata := &pb.OpMetadata{
		Description: map[string]string{"llb.customname": "certgraft install"},
		Caps:        map[string]bool{string(pb.CapExecMetaBase): true, string(pb.CapExecMetaNetwork): true},
	}
	s.mount(step{op, metadata}, own)
	if err := g.Append(op, metadata); err != nil {
		return "", err
	}
	return describe(args), nil
}
