package command

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/command/step"
	"github.com/certgraft/certgraft/internal/roottest"
)

// Mount lines of real steps: of engines with a graph driver, of engines with
// snapshots, and of a machine.
func TestKeepsCopies(t *testing.T) {
	for name, c := range map[string]struct {
		mounts string
		want   bool
	}{
		"docker 20.10": {`721 570 0:52 / / rw,relatime master:290 - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/ABC:/var/lib/docker/overlay2/l/DEF,upperdir=/var/lib/docker/overlay2/f00d/diff,workdir=/var/lib/docker/overlay2/f00d/work
722 721 0:55 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw`, true},
		"buildkitd":  {`612 560 0:48 / / rw,relatime - overlay overlay rw,lowerdir=/var/lib/buildkit/runc-overlayfs/snapshots/snapshots/3/fs,upperdir=/var/lib/buildkit/runc-overlayfs/snapshots/snapshots/7/fs,workdir=/x/work`, false},
		"elsewhere":  {`30 1 8:1 / / rw - ext4 /dev/sda1 rw` + "\n" + `31 30 0:9 / /mnt rw - overlay overlay rw,upperdir=/var/lib/docker/overlay2/f00d/diff,workdir=/x`, false},
		"read-only":  {`30 1 0:9 / / ro - overlay overlay ro,lowerdir=/var/lib/docker/overlay2/l/ABC`, false},
		"not known":  {``, false},
		"short line": {`30 1 0:9`, false},
	} {
		if got := keepsCopies([]byte(c.mounts)); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestDecideInRoot(t *testing.T) {
	for name, c := range map[string]struct {
		o    *runOptions
		mac  bool
		want bool
		err  string
	}{
		"not asked": {o: &runOptions{}},
		"variables": {o: &runOptions{mode: modeEnv}},
		"odd":       {o: &runOptions{mode: "both"}, err: "it is env, in-root or auto"},
		"twice":     {o: &runOptions{mode: modeAuto, inRoot: true}, err: "exclude each other"},
		"a Mac":     {o: &runOptions{inRoot: true}, mac: true, err: "keychain"},
		"forced":    {o: &runOptions{mode: modeInRoot}, want: os.Geteuid() == 0},
	} {
		p, _ := testPrinter(environ{})
		p.mac = c.mac
		got, err := c.o.decideInRoot(p)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %t, %v", name, got, err)
		}
	}
}

// run --optional and the loader agree on what a file is: also for a name without a
// slash, and before a pin.
func TestPresent(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	catalogue, err := bundles.Catalog(t.Context(), bundles.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pin := "@sha256:" + strings.Repeat("0", 64)
	full, empty := testFile(t, filepath.Join(dir, "full"), []byte("x")), testFile(t, filepath.Join(dir, "empty"), nil)
	all := []string{full, empty, filepath.Join(dir, "nowhere"), filepath.Join(full, "below"), dir, "aws-rds", "https://nowhere.test/ca.pem", "-",
		"full", "empty", "nowhere.pem", full + pin, "full" + pin, "nowhere.pem" + pin}
	want := []string{full, dir, "aws-rds", "https://nowhere.test/ca.pem", "-", "full", full + pin, "full" + pin}
	testFile(t, filepath.Join(dir, "mozilla"), nil) // an id wins
	all, want = append(all, "mozilla"), append(want, "mozilla")
	if got := present(catalogue, all); !slices.Equal(got, want) {
		t.Errorf("present are %q, want %q", got, want)
	}
}

// killedRun returns a root with a CA that a killed run left in the bundle.
func killedRun(t *testing.T) (root string, left *roottest.CA) {
	t.Helper()
	root, left = t.TempDir(), roottest.NewCA(t, "Left")
	testFile(t, filepath.Join(root, "etc/ssl/cert.pem"), []byte(roottest.NewCA(t, "System").PEM()))
	owner := exec.Command("sleep", "60")
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	p, _ := testPrinter(environ{})
	opt := p.stepOptions(root)
	opt.Owner = owner.Process.Pid
	_, _, err := step.Enter(t.Context(), opt, []installer.Source{{Name: "./left.pem", Anchor: "left", Certs: testSet(t, left)}})
	_ = owner.Process.Kill()
	_ = owner.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return root, left
}

// Every command that reads or edits a root first removes what a killed run left
// there.
func TestEveryCommandClears(t *testing.T) {
	own := testFile(t, filepath.Join(t.TempDir(), "own.pem"), []byte(roottest.NewCA(t, "Own").PEM()))
	for _, args := range []string{"install --root ROOT " + own, "remove --root ROOT --all", "check ROOT", "diff ROOT " + own, "bundle --with-system --root ROOT " + own, "env --root ROOT", "inspect ROOT"} {
		name, _, _ := strings.Cut(args, " ")
		t.Run(name, func(t *testing.T) {
			root, left := killedRun(t)
			var said bytes.Buffer
			Run(t.Context(), append([]string{"certgraft"}, strings.Fields(strings.ReplaceAll(args, "ROOT", root))...), nil, io.Discard, &said)
			data, err := os.ReadFile(filepath.Join(root, "etc/ssl/cert.pem"))
			if err != nil || bytes.Contains(data, []byte(left.PEM())) {
				t.Errorf("the CA is still there: %v, said %s", err, &said)
			}
			if !strings.Contains(said.String(), "took out of the stores what killed runs left") {
				t.Errorf("said %s", &said)
			}
		})
	}
}

// A dry run reports it and changes nothing.
func TestDryRunClearsNothing(t *testing.T) {
	root, left := killedRun(t)
	Run(t.Context(), []string{"certgraft", "remove", "--root", root, "--all", "--dry-run"}, nil, io.Discard, io.Discard)
	if data, err := os.ReadFile(filepath.Join(root, "etc/ssl/cert.pem")); err != nil || !bytes.Contains(data, []byte(left.PEM())) {
		t.Error("the root was changed")
	}
}
