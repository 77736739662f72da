//go:build e2e

package frontend

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/certgraft/certgraft/e2e/rig"
)

// A gate is a page for which a step waits while the gate is shut.
type gate struct {
	url     string
	shut    atomic.Bool
	arrived chan struct{}
}

func newGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{arrived: make(chan struct{}, 1)}
	port := rig.ServeTLS(t, rig.NewAuthority(t, "Example Gate"), "127.0.0.1", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if g.shut.Load() {
			g.arrived <- struct{}{}
			<-r.Context().Done()
		}
	}))
	g.url = fmt.Sprintf("https://localhost:%d/", port)
	return g
}

// TestCancelled: of a build that ends in a step, nothing is exported, nothing runs
// on, and the next builds have the digest of a plain one.
func TestCancelled(t *testing.T) {
	s := start(t)
	g := newGate(t)
	dir := s.dockerfile(t, "RUN echo x >/x && curl -ksS "+g.url+"", "RUN echo y >/y")
	plain := s.digest(t, dir)
	for name, end := range map[string]func(t *testing.T, cmd *exec.Cmd){
		"interrupted": func(t *testing.T, cmd *exec.Cmd) {
			t.Helper()
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
		},
		"launcher killed": func(t *testing.T, _ *exec.Cmd) {
			t.Helper()
			pids := launchers(t, g.url)
			if len(pids) != 1 {
				t.Fatalf("launchers of the step: %v", pids)
			}
			if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			g.shut.Store(true)
			image := filepath.Join(t.TempDir(), "image.tar")
			args := s.frontend("--opt", "build-arg:CERTGRAFT_MODE=in-root", "--no-cache", "--output", "type=oci,dest="+image)
			cmd := s.kit.BuildCommand(dir, args...)
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			<-g.arrived
			end(t, cmd)
			if err := cmd.Wait(); err == nil {
				t.Errorf("the build has no error:\n%s", out.String())
			}
			if info, err := os.Stat(image); err == nil && info.Size() > 0 {
				t.Errorf("an image of %d bytes is exported", info.Size())
			}
			for wait := time.Now().Add(10 * time.Second); len(launchers(t, g.url)) > 0; time.Sleep(20 * time.Millisecond) {
				if time.Now().After(wait) {
					t.Fatal("the launcher runs on")
				}
			}
			g.shut.Store(false)
			s.same(t, "a plain build", plain, s.digest(t, dir))
			s.same(t, "a build with the frontend", plain, s.digest(t, dir, s.frontend("--opt", "build-arg:CERTGRAFT_MODE=in-root")...))
		})
	}
}

// launchers returns the processes in front of a step whose command has a word.
func launchers(t *testing.T, word string) (pids []int) {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, _ := os.ReadFile(name) // the process may have ended
		if strings.HasPrefix(string(data), "/.certgraft/certgraft\x00run\x00") && strings.Contains(string(data), word) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// TestSameCAStays: a CA that a step installs itself is trusted in the image, though
// it is the one that the build trusts.
func TestSameCAStays(t *testing.T) {
	rig.Slow(t)
	d := newDigests(t)
	openssl := "openssl s_client -connect " + strings.Trim(strings.TrimPrefix(d.url, "https://"), "/") + " -CApath /etc/ssl/certs -no-CAfile -verify_return_error </dev/null"
	for name, c := range map[string]struct {
		change
		trusted string
	}{
		"tool":      {change{"trixie", "COPY --from=REGISTRY/trixie:1 /opt/corp.pem /usr/local/share/ca-certificates/corp.crt\nRUN update-ca-certificates"}, "env -i curl -sS URL && " + openssl},
		"certgraft": {change{"trixie", "RUN /opt/certgraft install --offline /opt/corp.pem"}, "env -i curl -sS URL && " + openssl},
		"keytool":   {change{"java", "RUN keytool -importcert -noprompt -cacerts -storepass changeit -alias corp -file /opt/corp.pem"}, "keytool -list -cacerts -storepass changeit -alias corp"},
	} {
		for way, w := range d.ways(t) {
			t.Run(name+" "+way, func(t *testing.T) {
				ref := d.registry.Host + "/stays-" + strings.ReplaceAll(name+"-"+way, " ", "-") + ":1"
				args := append([]string{"--output", "type=image,push=true,compression=uncompressed,name=" + ref}, w.args...)
				if out, err := w.kit.Build(t, d.context(t, c.change), args...); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				below := rig.Write(t, filepath.Join(t.TempDir(), "Dockerfile"), "FROM "+ref+"\nRUN "+strings.ReplaceAll(c.trusted, "URL", d.url)+"\n")
				if out, err := d.kit.Build(t, filepath.Dir(below)); err != nil {
					t.Errorf("what is built on the image does not trust: %v\n%s", err, out)
				}
			})
		}
	}
}
