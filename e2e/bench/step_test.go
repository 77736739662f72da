//go:build e2e

package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/certgraft/certgraft/e2e/rig"
)

// emptySteps is how many RUN steps a build has that is measured: what each way
// adds to a step is the whole difference.
const emptySteps = 20

// way is one way to trust while a step runs.
type way struct {
	name string
	kit  *rig.BuildKit
	args []string
	most float64 // ratio to the plain build; 0 for that
	took []time.Duration
}

// TestBenchStep measures what trust for one step costs: a build of empty RUN steps
// by each way, in turns, and one step by itself.
func TestBenchStep(t *testing.T) {
	part(t, "step")
	turns := 7
	ca, registry := rig.NewAuthority(t, "Example Inspecting Proxy").CAFile, rig.StartRegistry(t, nil)
	stock, wrapped := rig.StartBuildKit(t, registry), wrappedBuildKit(t, registry, ca)
	pushStepImages(t, stock, registry.Host)
	dir := t.TempDir()
	rig.Write(t, filepath.Join(dir, "Dockerfile"), "FROM "+registry.Host+"/base:1\n"+strings.Repeat("RUN true\n", emptySteps))

	frontend := func(mode string) []string {
		return []string{"--opt", "build-arg:BUILDKIT_SYNTAX=" + registry.Host + "/certgraft-frontend:1", "--opt", "build-arg:CERTGRAFT_MODE=" + mode, "--secret", "id=certgraft,src=" + ca}
	}
	ways := []*way{
		{name: "plain", kit: stock},
		{name: "the frontend, by variables", kit: stock, args: frontend("env"), most: 1.6},
		{name: "the frontend, in-root", kit: stock, args: frontend("in-root"), most: 1.95},
		{name: "the hook, by certgraft-runc", kit: wrapped, most: 2.05},
	}
	for turn := range turns + 1 {
		for _, w := range ways {
			start := time.Now()
			if out, err := w.kit.Build(t, dir, append([]string{"--no-cache"}, w.args...)...); err != nil {
				t.Fatalf("%s: %v\n%s", w.name, err, out)
			}
			if turn > 0 { // the first fetches the images
				w.took = append(w.took, time.Since(start))
			}
		}
	}
	table := [][]string{{"what", "time", "ratio", "promised"}}
	plain := middle(ways[0].took)
	for _, w := range ways {
		took := middle(w.took)
		ratio := float64(took) / float64(plain)
		row := []string{fmt.Sprintf("%d empty RUN steps, %s", emptySteps, w.name), ms(took), fmt.Sprintf("%.2f", ratio), fmt.Sprintf("at most %.2f", w.most)}
		if w.most == 0 {
			row[3] = ""
		} else if ratio > w.most {
			t.Errorf("%s: %v against %v, ratio %.2f is more than %.2f", w.name, took, plain, ratio, w.most)
		}
		table = append(table, row)
	}
	in, out := benchOneStep(t, ca, 31)
	if in+out > 60*time.Millisecond || out > in/3 {
		t.Errorf("one step: %v in, %v out; promised are 60 ms together, and out at most a third of in", in, out)
	}
	table = append(table,
		[]string{"one step that changes nothing, in", ms(in), "", "at most 60 ms, in and out together"},
		[]string{"the same step, out", ms(out), fmt.Sprintf("%.2f of in", float64(out)/float64(in)), "at most a third of in"})
	section(t, "step", "Trust for one step", fmt.Sprintf(
		"Debian's base with its bundle, buildkitd 0.34.2 with the overlayfs snapshotter, no cache: medians of %d builds by each way, in turns. One step is `run --in-root` on an overlay, median of 31.", turns), table)
}

// wrappedBuildKit is a BuildKit whose runtime is certgraft-runc.
func wrappedBuildKit(t *testing.T, registry rig.Registry, ca string) *rig.BuildKit {
	t.Helper()
	host := rig.StartHost(t)
	host.Config(t, fmt.Sprintf(`{"sources": [%q], "strict": true}`, ca))
	return host.StartBuildKit(t, fmt.Sprintf("  binary = %q\n[registry.%q]\n  http = true\n", host.Wrapper, registry.Host))
}

func pushStepImages(t *testing.T, kit *rig.BuildKit, host string) {
	t.Helper()
	for name, files := range map[string][]string{
		"certgraft-frontend:1": {rig.File("frontend/Dockerfile"), "build/certgraft", rig.File("build/certgraft"), "build/certgraft-frontend", rig.File("build/certgraft-frontend")},
		"base:1":               {rig.Write(t, filepath.Join(t.TempDir(), "Dockerfile"), "FROM scratch\nADD base.tar /\n"), "base.tar", rig.Tarball(t, "trixie", "", "ca-certificates")},
	} {
		dir := t.TempDir()
		rig.Run(t, "cp", files[0], filepath.Join(dir, "Dockerfile"))
		for i := 1; i < len(files); i += 2 {
			rig.Run(t, "install", "-D", files[i+1], filepath.Join(dir, files[i]))
		}
		if out, err := kit.Build(t, dir, "--output", "type=image,push=true,compression=uncompressed,name="+host+"/"+name); err != nil {
			t.Fatalf("push %s: %v\n%s", name, err, out)
		}
	}
}

// benchOneStep runs a step that prints the time, each on a fresh overlay as an
// engine makes it, and returns what comes before that and after it.
func benchOneStep(t *testing.T, ca string, n int) (in, out time.Duration) {
	t.Helper()
	lower := rig.Debian(t, "trixie")
	rig.Run(t, "cp", rig.Certgraft, filepath.Join(lower, "usr/bin/certgraft"))
	rig.Run(t, "cp", ca, filepath.Join(lower, "opt/corp.pem"))
	var ins, outs []time.Duration
	for range n {
		dir := t.TempDir()
		root := filepath.Join(dir, "root")
		rig.Run(t, "mkdir", root, filepath.Join(dir, "upper"), filepath.Join(dir, "work"))
		rig.Run(t, "mount", "-t", "overlay", "-o", "lowerdir="+lower+",upperdir="+filepath.Join(dir, "upper")+",workdir="+filepath.Join(dir, "work"), "none", root)
		start := time.Now()
		said, err := rig.Try(t, "chroot", root, "/usr/bin/certgraft", "run", "--in-root", "/opt/corp.pem", "--", "/bin/date", "+%s%N")
		end := time.Now()
		rig.Run(t, "umount", root)
		lines := strings.Fields(said)
		if err != nil || len(lines) != 1 {
			t.Fatalf("%v: %s", err, said)
		}
		stamp, err := strconv.ParseInt(lines[0], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ins, outs = append(ins, time.Unix(0, stamp).Sub(start)), append(outs, end.Sub(time.Unix(0, stamp)))
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	return middle(ins), middle(outs)
}

// middle returns the median.
func middle(all []time.Duration) time.Duration {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}
