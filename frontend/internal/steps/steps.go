// Package steps puts certgraft in front of the RUN steps of a build graph.
// [Settings.Trust] edits the steps, [Settings.Install] appends one that leaves the
// CAs in the image.
//
// A step gets certgraft's own image and the secret as mounts, and arguments before
// its own:
//
//	/.certgraft/certgraft run --optional --in-root /.certgraft/ca -- CMD…
//
// What it must know of the engine and of the build is in [Settings]; it reads and
// writes nothing.
package steps

import (
	"strings"

	"github.com/moby/buildkit/solver/pb"

	"github.com/certgraft/certgraft/frontend/internal/graph"
)

// SecretID is the id of the secret that has the CAs.
const SecretID = "certgraft"

// Where certgraft is in its own image, and where a company's own image has its CAs.
const (
	Program = "/certgraft"
	Baked   = "/ca"
)

// Where the mounts are in a step. The engine takes mount points out of a layer
// again where it can take out directories above them too, else only what is below
// /dev leaves nothing.
const (
	InRoot   = "/.certgraft"
	BelowDev = "/dev/.certgraft"
)

// Settings say what is put in front of a step.
type Settings struct {
	Own     *graph.Graph // certgraft's own image, on any platform
	At      string       // the directory of the mounts: [InRoot] or [BelowDev]
	Baked   bool         // the own image has CAs in [Baked]
	Sources []string     // named sources, read offline
	Mode    string       // "", "env" or "in-root", as CERTGRAFT_MODE
}

// Trust edits each step that has a network and runs on Linux. It returns how many
// steps it left as they are since they run on Windows.
func (s Settings) Trust(g *graph.Graph) (windows int, err error) {
	platforms := map[string]*pb.Input{}
	var steps []step
	err = g.Edit(func(op *pb.Op, metadata *pb.OpMetadata) error {
		exec := op.GetExec()
		switch {
		case exec == nil || exec.Network == pb.NetMode_NONE || s.wrapped(exec):
		case op.Platform != nil && op.Platform.OS == "windows":
			windows++
		case op.Platform == nil || op.Platform.OS == "linux":
			steps = append(steps, step{op, metadata})
		}
		return nil
	})
	for _, st := range steps {
		own, err := s.own(g, platforms, st.op.Platform)
		if err != nil {
			return windows, err
		}
		exec := st.op.GetExec()
		s.mount(st, own)
		exec.Meta.Args = append(append(s.runArgs(), "--"), exec.Meta.Args...)
	}
	return windows, err
}

// step is a RUN step of a graph.
type step struct {
	op       *pb.Op
	metadata *pb.OpMetadata
}

// wrapped reports whether a step has certgraft in front of it already: the result
// of another build can be a named context of this one.
func (s Settings) wrapped(exec *pb.ExecOp) bool {
	args := exec.GetMeta().GetArgs()
	return len(args) > 0 && args[0] == s.At+Program
}

// own returns certgraft's own image for a platform, which it takes into the graph.
func (s Settings) own(g *graph.Graph, known map[string]*pb.Input, platform *pb.Platform) (*pb.Input, error) {
	key := platform.String()
	if known[key] != nil {
		return known[key], nil
	}
	image := s.Own.Clone()
	if err := image.Edit(func(op *pb.Op, _ *pb.OpMetadata) error {
		op.Platform = platform
		return nil
	}); err != nil {
		return nil, err
	}
	def, err := image.Encode()
	if err != nil {
		return nil, err
	}
	if image, err = graph.Decode(def); err != nil { // by its new names
		return nil, err
	}
	known[key] = g.Graft(image)
	return known[key], nil
}

// mount adds the mounts to a step.
func (s Settings) mount(st step, own *pb.Input) {
	exec := st.op.GetExec()
	input := int64(len(st.op.Inputs))
	st.op.Inputs = append(st.op.Inputs, &pb.Input{Digest: own.Digest, Index: own.Index})
	exec.Mounts = append(exec.Mounts, s.bind(input, Program))
	if s.Baked {
		exec.Mounts = append(exec.Mounts, s.bind(input, Baked))
	}
	exec.Mounts = append(exec.Mounts, &pb.Mount{
		Input: int64(pb.Empty), Dest: s.secret(), Output: int64(pb.SkipOutput), MountType: pb.MountType_SECRET,
		SecretOpt: &pb.SecretOpt{ID: SecretID, Mode: 0o444, Optional: true},
	})
	if st.metadata.Caps == nil {
		st.metadata.Caps = map[string]bool{}
	}
	for _, c := range []string{string(pb.CapExecMountBind), string(pb.CapExecMountSelector), string(pb.CapExecMountSecret)} {
		st.metadata.Caps[c] = true
	}
}

// bind mounts a path of certgraft's own image.
func (s Settings) bind(input int64, path string) *pb.Mount {
	dest := s.At + path
	if path == Baked {
		dest = s.baked()
	}
	return &pb.Mount{Input: input, Selector: path, Dest: dest, Output: int64(pb.SkipOutput), Readonly: true}
}

func (s Settings) secret() string { return s.At + "/ca" }

func (s Settings) baked() string { return s.At + "/baked" }

// runArgs are the arguments up to the "--".
func (s Settings) runArgs() []string {
	args := []string{s.At + Program, "run", "--optional"}
	switch s.Mode {
	case "in-root": // also where the engine keeps a trace
		args = append(args, "--mode", s.Mode)
	case "":
		args = append(args, "--in-root")
	}
	return append(args, s.sources()...)
}

// sources are the flags and arguments that name the CAs.
func (s Settings) sources() (args []string) {
	if len(s.Sources) > 0 {
		args = append(args, "--offline")
	}
	if s.Baked {
		args = append(args, s.baked())
	}
	return append(append(args, s.Sources...), s.secret())
}

// describe is a step in the words of a history.
func describe(args []string) string { return "RUN " + strings.Join(args, " ") }
