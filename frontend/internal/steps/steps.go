// Package steps puts certgraft in front of the RUN steps of a build graph.
// [Settings.Trust] edits the steps, and [Settings.Install] appends one that installs
// the CAs in the image.
//
// Each step gets certgraft's own image and the secret as mounts. These arguments go
// before its own:
//
//	/.certgraft/certgraft run --optional --in-root /.certgraft/ca -- CMD…
//
// [Settings] describe the engine and the build. The package does no I/O.
package steps

import (
	"strings"

	"github.com/moby/buildkit/solver/pb"

	"github.com/certgraft/certgraft/frontend/internal/graph"
)

// SecretID is the id of the secret with the CAs.
const SecretID = "certgraft"

// Paths of certgraft in its own image, and of the CAs in a company's own image.
const (
	Program = "/certgraft"
	Baked   = "/ca"
)

// Directories of the mounts in a step. If the engine can remove the directories
// above mount points from a layer, InRoot leaves no trace. Otherwise only
// BelowDev leaves none.
const (
	InRoot   = "/.certgraft"
	BelowDev = "/dev/.certgraft"
)

// Settings describe what to put in front of a step.
type Settings struct {
	Own     *graph.Graph // certgraft's own image, on any platform
	At      string       // the directory of the mounts: [InRoot] or [BelowDev]
	Baked   bool         // the image has CAs in [Baked]
	Sources []string     // named sources, read offline
	Mode    string       // "", "env" or "in-root", as CERTGRAFT_MODE
}

// Trust edits each step that has a network and runs on Linux. It returns the
// number of unedited Windows steps.
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

// wrapped reports whether a step already has certgraft in front: a named
// context may be the result of such a build.
func (s Settings) wrapped(exec *pb.ExecOp) bool {
	args := exec.GetMeta().GetArgs()
	return len(args) > 0 && args[0] == s.At+Program
}

// own adds certgraft's own image for a platform to the graph, and returns it.
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
	if image, err = graph.Decode(def); err != nil { // read it again for its new names
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

// runArgs returns the arguments before "--".
func (s Settings) runArgs() []string {
	args := []string{s.At + Program, "run", "--optional"}
	switch s.Mode {
	case "in-root": // also if the engine keeps mount points in layers
		args = append(args, "--mode", s.Mode)
	case "":
		args = append(args, "--in-root")
	}
	return append(args, s.sources()...)
}

// sources returns the flags and arguments that name the CAs.
func (s Settings) sources() (args []string) {
	if len(s.Sources) > 0 {
		args = append(args, "--offline")
	}
	if s.Baked {
		args = append(args, s.baked())
	}
	return append(append(args, s.Sources...), s.secret())
}

// describe returns a step in the format of a history.
func describe(args []string) string { return "RUN " + strings.Join(args, " ") }
