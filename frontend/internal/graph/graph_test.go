package graph_test

import (
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	"google.golang.org/protobuf/proto"

	"github.com/certgraft/certgraft/frontend/internal/graph"
)

// definition is a build of two steps, one with a source location, and a copy
// from a third step.
func definition(t *testing.T) *pb.Definition {
	t.Helper()
	source := llb.NewSourceMap(nil, "Dockerfile", "Dockerfile", []byte("FROM base\nRUN one\nRUN two\n"))
	at := source.Location([]*pb.Range{{Start: &pb.Position{Line: 2}, End: &pb.Position{Line: 2}}})
	base := llb.Image("docker.io/library/base:1")
	one := base.Run(llb.Args([]string{"one"}), llb.WithCustomName("[1/2] RUN one"), at).Root()
	other := base.Run(llb.Args([]string{"other"})).Root()
	two := one.Run(llb.Args([]string{"two"}), llb.AddMount("/m", other, llb.Readonly)).Root()
	state := two.File(llb.Copy(other, "/a", "/b"))
	def, err := state.Marshal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return def.ToPB()
}

func decode(t *testing.T, def *pb.Definition) *graph.Graph {
	t.Helper()
	g, err := graph.Decode(def)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func encode(t *testing.T, g *graph.Graph) *pb.Definition {
	t.Helper()
	def, err := g.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return def
}

// TestUntouched: unedited operations keep their bytes, names and locations.
func TestUntouched(t *testing.T) {
	def := definition(t)
	got := encode(t, decode(t, def))
	if !proto.Equal(def, got) {
		t.Errorf("got %v\nwant %v", got, def)
	}
}

// TestEditRenames: an edit of one step renames it and the operations that
// depend on it, no others. Every name is defined before its use, and keeps its
// metadata and location.
func TestEditRenames(t *testing.T) {
	def := definition(t)
	g := decode(t, def)
	edit := func(op *pb.Op, _ *pb.OpMetadata) error {
		if exec := op.GetExec(); exec != nil && exec.Meta.Args[0] == "one" {
			exec.Meta.Args = append([]string{"first"}, exec.Meta.Args...)
		}
		return nil
	}
	if err := g.Edit(edit); err != nil {
		t.Fatal(err)
	}
	got := encode(t, g)
	same, seen := 0, map[string]bool{}
	for _, data := range got.Def {
		name := string(digest.FromBytes(data))
		var op pb.Op
		if err := proto.Unmarshal(data, &op); err != nil {
			t.Fatal(err)
		}
		for _, input := range op.Inputs {
			if !seen[input.Digest] {
				t.Errorf("an operation needs %s, which comes later or never", input.Digest)
			}
		}
		seen[name] = true
		if _, old := def.Metadata[name]; old {
			same++
		}
		if exec := op.GetExec(); exec != nil && exec.Meta.Args[0] == "first" {
			if n := got.Metadata[name].Description["llb.customname"]; n != "[1/2] RUN one" {
				t.Errorf("the name of the step is %q", n)
			}
			if l := got.Source.Locations[name]; len(l.GetLocations()) != 1 || l.Locations[0].Ranges[0].Start.Line != 2 {
				t.Errorf("the place of the step is %v", l)
			}
		}
	}
	if len(got.Def) != len(def.Def) || same != 2 { // the base and "other"
		t.Errorf("%d of %d operations kept their names, want 2 of %d", same, len(got.Def), len(def.Def))
	}
}

// TestDamaged: a damaged graph is an error.
func TestDamaged(t *testing.T) {
	if _, err := graph.Decode(&pb.Definition{}); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("an empty definition: %v", err)
	}
	if _, err := graph.Decode(&pb.Definition{Def: [][]byte{{0xff}}}); err == nil || !strings.Contains(err.Error(), "decode") {
		t.Errorf("bytes that are no operation: %v", err)
	}
	def := definition(t)
	def.Def = def.Def[1:]
	g := decode(t, def)
	if _, err := g.Encode(); err == nil || !strings.Contains(err.Error(), "lacks operation") {
		t.Errorf("an input that is not there: %v", err)
	}
}
