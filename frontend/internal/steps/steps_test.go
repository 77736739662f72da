package steps_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	"google.golang.org/protobuf/proto"

	"github.com/certgraft/certgraft/frontend/internal/graph"
	"github.com/certgraft/certgraft/frontend/internal/steps"
)

const own = "docker-image://registry.example/certgraft-frontend:1@sha256:0000000000000000000000000000000000000000000000000000000000000001"

func marshalled(t *testing.T, state llb.State) *graph.Graph {
	t.Helper()
	def, err := state.Marshal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	g, err := graph.Decode(def.ToPB())
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func settings(t *testing.T) steps.Settings {
	t.Helper()
	return steps.Settings{Own: marshalled(t, llb.Image(strings.TrimPrefix(own, "docker-image://"))), At: steps.InRoot}
}

// built is an encoded graph, with its operations by kind.
type built struct {
	ops   map[string]*pb.Op
	metas map[string]*pb.OpMetadata
	last  *pb.Op
}

func encoded(t *testing.T, g *graph.Graph) built {
	t.Helper()
	def, err := g.Encode()
	if err != nil {
		t.Fatal(err)
	}
	b := built{map[string]*pb.Op{}, def.Metadata, nil}
	for _, data := range def.Def {
		b.last = &pb.Op{}
		if err := proto.Unmarshal(data, b.last); err != nil {
			t.Fatal(err)
		}
		b.ops[string(digest.FromBytes(data))] = b.last
	}
	return b
}

// step returns the step with this last argument.
func (b built) step(t *testing.T, last string) (*pb.Op, *pb.OpMetadata) {
	t.Helper()
	for name, op := range b.ops {
		if args := op.GetExec().GetMeta().GetArgs(); len(args) > 0 && args[len(args)-1] == last {
			return op, b.metas[name]
		}
	}
	t.Fatalf("no step ends with %q", last)
	return nil, nil
}

func trust(t *testing.T, s steps.Settings, g *graph.Graph) (b built, windows int) {
	t.Helper()
	windows, err := s.Trust(g)
	if err != nil {
		t.Fatal(err)
	}
	return encoded(t, g), windows
}

func TestTrust(t *testing.T) {
	base := llb.Image("docker.io/library/base:1", llb.LinuxAmd64)
	state := base.Run(llb.Args([]string{"/bin/sh", "-c", "curl"}), llb.AddMount("/cache", llb.Scratch(), llb.AsPersistentCacheDir("c", llb.CacheMountShared))).Root()
	state = state.Run(llb.Args([]string{"offline"}), llb.Network(pb.NetMode_NONE)).Root()
	state = state.Run(llb.Args([]string{"host"}), llb.Network(pb.NetMode_HOST)).Root()
	b, _ := trust(t, settings(t), marshalled(t, state))

	op, meta := b.step(t, "curl")
	want := []string{"/.certgraft/certgraft", "run", "--optional", "--in-root", "/.certgraft/ca", "--", "/bin/sh", "-c", "curl"}
	if got := op.GetExec().Meta.Args; !slices.Equal(got, want) {
		t.Errorf("arguments %q, want %q", got, want)
	}
	if len(op.GetExec().Meta.Env) != 0 {
		t.Errorf("the environment is %q", op.GetExec().Meta.Env)
	}
	mounts := op.GetExec().Mounts
	if len(mounts) != 4 {
		t.Fatalf("mounts %v", mounts)
	}
	program, secret := mounts[2], mounts[3]
	if program.Dest != "/.certgraft/certgraft" || program.Selector != "/certgraft" || !program.Readonly || program.Output != int64(pb.SkipOutput) {
		t.Errorf("the program is mounted as %v", program)
	}
	image := b.ops[op.Inputs[program.Input].Digest]
	if image.GetSource().GetIdentifier() != own || image.Platform.Architecture != "amd64" {
		t.Errorf("the program comes from %v", image)
	}
	if secret.Dest != "/.certgraft/ca" || secret.MountType != pb.MountType_SECRET || secret.SecretOpt.ID != "certgraft" || !secret.SecretOpt.Optional || secret.SecretOpt.Mode != 0o444 || secret.Output != int64(pb.SkipOutput) {
		t.Errorf("the secret is mounted as %v", secret)
	}
	for _, c := range []string{"exec.mount.bind", "exec.mount.selector", "exec.mount.secret"} {
		if !meta.Caps[c] {
			t.Errorf("capability %s is not asked for", c)
		}
	}
	if op, _ := b.step(t, "offline"); len(op.GetExec().Mounts) != 1 || len(op.GetExec().Meta.Args) != 1 {
		t.Errorf("a step without a network was edited: %v", op)
	}
	if op, _ := b.step(t, "host"); op.GetExec().Meta.Args[0] != "/.certgraft/certgraft" {
		t.Errorf("a step with the host's network was not edited: %v", op)
	}
}

func TestSettings(t *testing.T) {
	for name, tc := range map[string]struct {
		edit func(*steps.Settings)
		want string
	}{
		"below dev": {func(s *steps.Settings) { s.At = steps.BelowDev }, "/dev/.certgraft/certgraft run --optional --in-root /dev/.certgraft/ca -- c"},
		"forced":    {func(s *steps.Settings) { s.Mode = "in-root" }, "/.certgraft/certgraft run --optional --mode in-root /.certgraft/ca -- c"},
		"variables": {func(s *steps.Settings) { s.Mode = "env" }, "/.certgraft/certgraft run --optional /.certgraft/ca -- c"},
		"baked":     {func(s *steps.Settings) { s.Baked = true }, "/.certgraft/certgraft run --optional --in-root /.certgraft/baked /.certgraft/ca -- c"},
		"named":     {func(s *steps.Settings) { s.Sources = []string{"aws-rds"} }, "/.certgraft/certgraft run --optional --in-root --offline aws-rds /.certgraft/ca -- c"},
	} {
		t.Run(name, func(t *testing.T) {
			s := settings(t)
			tc.edit(&s)
			b, _ := trust(t, s, marshalled(t, llb.Scratch().Run(llb.Args([]string{"c"})).Root()))
			op, _ := b.step(t, "c")
			if got := strings.Join(op.GetExec().Meta.Args, " "); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

// TestOnce: a context from another build with certgraft stays unchanged.
func TestOnce(t *testing.T) {
	s := settings(t)
	g := marshalled(t, llb.Image("docker.io/library/base:1").Run(llb.Args([]string{"c"})).Root())
	before, _ := trust(t, s, g)
	def, err := g.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if g, err = graph.Decode(def); err != nil {
		t.Fatal(err)
	}
	after, _ := trust(t, s, g)
	if len(before.ops) != len(after.ops) {
		t.Errorf("%d operations, then %d", len(before.ops), len(after.ops))
	}
	if op, _ := after.step(t, "c"); len(op.GetExec().Mounts) != 3 {
		t.Errorf("the step has %d mounts, want 3", len(op.GetExec().Mounts))
	}
}

// TestPlatforms: each step has the program of its own platform. A step for
// Windows stays unchanged and is counted.
func TestPlatforms(t *testing.T) {
	windows := llb.Platform((&pb.Platform{OS: "windows", Architecture: "amd64"}).Spec())
	arm := llb.Image("docker.io/library/base:1", llb.LinuxArm64).Run(llb.Args([]string{"arm"})).Root()
	amd := llb.Image("docker.io/library/base:1", llb.LinuxAmd64).Run(llb.Args([]string{"amd"})).Root()
	win := llb.Image("docker.io/library/win:1", windows).Run(llb.Args([]string{"win"}), windows).Root()
	state := llb.Scratch().File(llb.Copy(arm, "/a", "/a")).File(llb.Copy(amd, "/b", "/b")).File(llb.Copy(win, "/c", "/c"))
	b, n := trust(t, settings(t), marshalled(t, state))
	if n != 1 {
		t.Errorf("%d steps for Windows, want 1", n)
	}
	for last, arch := range map[string]string{"arm": "arm64", "amd": "amd64"} {
		op, _ := b.step(t, last)
		image := b.ops[op.Inputs[op.GetExec().Mounts[1].Input].Digest]
		if image.GetSource().GetIdentifier() != own || image.Platform.Architecture != arch {
			t.Errorf("step %s has the program of %v", last, image)
		}
	}
	if op, _ := b.step(t, "win"); len(op.GetExec().Meta.Args) != 1 {
		t.Errorf("the step for Windows was edited: %v", op)
	}
}

func TestInstall(t *testing.T) {
	s := settings(t)
	g := marshalled(t, llb.Image("docker.io/library/base:1").Run(llb.Args([]string{"c"})).Root())
	if _, err := s.Trust(g); err != nil {
		t.Fatal(err)
	}
	line, err := s.Install(g)
	if err != nil {
		t.Fatal(err)
	}
	if want := "RUN /.certgraft/certgraft install --optional /.certgraft/ca"; line != want {
		t.Errorf("the history says %q, want %q", line, want)
	}
	b := encoded(t, g)
	op := b.ops[b.last.Inputs[0].Digest]
	exec := op.GetExec()
	if exec == nil || "RUN "+strings.Join(exec.Meta.Args, " ") != line || exec.Network != pb.NetMode_NONE || exec.Meta.User != "0:0" {
		t.Fatalf("the result is made by %v", op)
	}
	if before, _ := b.step(t, "c"); b.ops[op.Inputs[0].Digest] != before {
		t.Errorf("the step starts from %v", b.ops[op.Inputs[0].Digest])
	}
	if secret := exec.Mounts[len(exec.Mounts)-1].SecretOpt; !secret.Optional {
		t.Error("a build without the secret fails")
	}
}
