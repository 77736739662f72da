// Package graph edits a marshalled build graph. [Decode] parses a definition,
// [Graph.Edit] changes operations, and [Graph.Encode] writes the definition.
//
// In a definition, an operation is named by the digest of its bytes, and names
// its inputs by their digests. So an edit renames every operation that depends
// on the edited one. Encode renames them, inputs first, and moves metadata and
// source locations to the new names. The package does no I/O.
package graph

import (
	"errors"
	"fmt"

	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	"google.golang.org/protobuf/proto"
)

// Graph is a parsed definition.
type Graph struct {
	nodes map[digest.Digest]*node
	order []digest.Digest // as in the definition
	last  digest.Digest   // the operation that names the result
	infos []*pb.SourceInfo
}

// node is an operation. Its key is its digest at the time of Decode.
type node struct {
	op        *pb.Op
	metadata  *pb.OpMetadata
	locations *pb.Locations
}

// Decode parses a definition, and does not change it.
func Decode(def *pb.Definition) (*Graph, error) {
	if len(def.GetDef()) == 0 {
		return nil, errors.New("the build graph is empty")
	}
	g := &Graph{nodes: map[digest.Digest]*node{}, infos: def.GetSource().GetInfos()}
	for _, data := range def.Def {
		op := &pb.Op{}
		if err := proto.Unmarshal(data, op); err != nil {
			return nil, fmt.Errorf("decode an operation of the build graph: %w", err)
		}
		name := digest.FromBytes(data)
		g.add(name, &node{op, def.Metadata[string(name)], def.GetSource().GetLocations()[string(name)]})
	}
	if len(g.nodes[g.last].op.Inputs) == 0 {
		return nil, errors.New("the build graph names no result")
	}
	return g, nil
}

func (g *Graph) add(name digest.Digest, n *node) {
	if g.nodes[name] == nil {
		g.order = append(g.order, name)
	}
	g.nodes[name] = n
	g.last = name
}

// Clone returns an independent copy of the graph.
func (g *Graph) Clone() *Graph {
	other := &Graph{nodes: map[digest.Digest]*node{}, infos: g.infos}
	for _, name := range g.order {
		n := g.nodes[name]
		other.add(name, &node{clone(n.op), clone(n.metadata), n.locations})
	}
	return other
}

func clone[M proto.Message](m M) M { return proto.Clone(m).(M) }

// Edit calls edit for each operation, in the order of the definition. edit may
// change the operation and the metadata, which is not nil.
func (g *Graph) Edit(edit func(*pb.Op, *pb.OpMetadata) error) error {
	for _, name := range g.order {
		n := g.nodes[name]
		if n.metadata == nil {
			n.metadata = &pb.OpMetadata{}
		}
		if name == g.last {
			continue // it only names the result
		}
		if err := edit(n.op, n.metadata); err != nil {
			return err
		}
	}
	return nil
}

// Graft adds the operations of another graph. It returns the result of that
// graph as an input for operations of this one.
func (g *Graph) Graft(other *Graph) *pb.Input {
	last := g.last
	for _, name := range other.order {
		if name != other.last && g.nodes[name] == nil {
			g.add(name, other.nodes[name])
		}
	}
	g.last = last
	return clone(other.nodes[other.last].op.Inputs[0])
}

// Result returns the input that names the result. The graph shares it.
func (g *Graph) Result() *pb.Input { return g.nodes[g.last].op.Inputs[0] }

// Platform returns the platform of the operation that makes the result.
func (g *Graph) Platform() *pb.Platform {
	if n := g.nodes[digest.Digest(g.Result().Digest)]; n != nil {
		return n.op.Platform
	}
	return nil
}

// Append adds an operation whose first output becomes the result.
func (g *Graph) Append(op *pb.Op, metadata *pb.OpMetadata) error {
	data, err := marshal(op)
	if err != nil {
		return err
	}
	last, name := g.last, digest.FromBytes(data)
	g.add(name, &node{op: op, metadata: metadata})
	g.last = last
	g.nodes[last].op.Inputs[0] = &pb.Input{Digest: string(name)}
	return nil
}

// Encode writes the definition, the inputs of an operation before it.
func (g *Graph) Encode() (*pb.Definition, error) {
	e := &encoder{from: g, named: map[digest.Digest]digest.Digest{}, def: &pb.Definition{
		Metadata: map[string]*pb.OpMetadata{},
		Source:   &pb.Source{Infos: g.infos, Locations: map[string]*pb.Locations{}},
	}}
	for _, name := range g.order {
		if name == g.last {
			continue
		}
		if _, err := e.encode(name); err != nil {
			return nil, err
		}
	}
	if _, err := e.encode(g.last); err != nil {
		return nil, err
	}
	return e.def, nil
}

// encoder writes each operation once, its inputs first.
type encoder struct {
	from  *Graph
	named map[digest.Digest]digest.Digest // the new names; "" while its inputs are written
	def   *pb.Definition
}

func (e *encoder) encode(name digest.Digest) (digest.Digest, error) {
	if renamed, seen := e.named[name]; seen {
		if renamed == "" {
			return "", fmt.Errorf("the build graph has a circle at %s", name)
		}
		return renamed, nil
	}
	n := e.from.nodes[name]
	if n == nil {
		return "", fmt.Errorf("the build graph lacks operation %s", name)
	}
	e.named[name] = ""
	op := clone(n.op)
	for _, input := range op.Inputs {
		renamed, err := e.encode(digest.Digest(input.Digest))
		if err != nil {
			return "", err
		}
		input.Digest = string(renamed)
	}
	data, err := marshal(op)
	if err != nil {
		return "", err
	}
	renamed := digest.FromBytes(data)
	e.named[name] = renamed
	e.write(string(renamed), data, n)
	return renamed, nil
}

// write adds an operation to the definition, once if an edit made two equal.
func (e *encoder) write(name string, data []byte, n *node) {
	if _, written := e.def.Metadata[name]; !written {
		e.def.Def = append(e.def.Def, data)
		e.def.Metadata[name] = n.metadata
	}
	if n.locations == nil {
		return
	}
	if e.def.Source.Locations[name] == nil {
		e.def.Source.Locations[name] = &pb.Locations{}
	}
	all := e.def.Source.Locations[name]
	all.Locations = append(all.Locations, n.locations.Locations...)
}

// marshal encodes an operation deterministically, so equal operations get equal
// names.
func marshal(op *pb.Op) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(op)
}
