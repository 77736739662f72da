//go:build e2e

package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// engine is a Docker engine of the tests' own: its data, socket and pid file
// are in one directory, and it changes no network of the machine.
type engine struct {
	dir   string
	cmd   *exec.Cmd
	ended chan struct{}
}

var started struct {
	once   sync.Once
	engine *engine
	err    error
}

// Docker runs the client of the distribution's package against the engine,
// which is started when it is first needed.
func Docker(t *testing.T, args ...string) string {
	t.Helper()
	return Run(t, "env", DockerCommand(t, args...)...)
}

// DockerCommand returns the arguments for env(1) that run a docker command.
func DockerCommand(t *testing.T, args ...string) []string {
	t.Helper()
	started.once.Do(func() { started.engine, started.err = startEngine() })
	if started.err != nil {
		t.Fatal(started.err)
	}
	return append([]string{
		"DOCKER_HOST=unix://" + filepath.Join(started.engine.dir, "d.sock"), "DOCKER_BUILDKIT=1", "BUILDKIT_PROGRESS=plain",
		"DOCKER_CONFIG=" + started.engine.dir, "/usr/bin/docker",
	}, args...)
}

func startEngine() (*engine, error) {
	dir, err := os.MkdirTemp("", "certgraft-engine-")
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	e := &engine{dir: dir, ended: make(chan struct{}), cmd: exec.Command("dockerd",
		"--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"--host", "unix://"+filepath.Join(dir, "d.sock"), "--pidfile", filepath.Join(dir, "pid"),
		"--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver", "overlay2")}
	e.cmd.Stdout, e.cmd.Stderr = log, log
	if err := e.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start dockerd: %w", err)
	}
	go func() { _ = e.cmd.Wait(); close(e.ended) }()
	alive := true
	for end := time.Now().Add(2 * time.Minute); alive && time.Now().Before(end); {
		if exec.Command("/usr/bin/docker", "-H", "unix://"+filepath.Join(dir, "d.sock"), "version").Run() == nil {
			return e, nil
		}
		select {
		case <-e.ended:
			alive = false
		case <-time.After(100 * time.Millisecond):
		}
	}
	text, _ := os.ReadFile(filepath.Join(dir, "log"))
	return e, fmt.Errorf("dockerd does not answer:\n%s", text)
}

func stopEngine() {
	e := started.engine
	if e == nil {
		return
	}
	_ = e.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-e.ended:
	case <-time.After(20 * time.Second):
		_ = e.cmd.Process.Kill()
	}
	_ = exec.Command("umount", filepath.Join(e.dir, "exec/netns/default")).Run() // the engine leaves it mounted
	if err := os.RemoveAll(e.dir); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
	}
}

// ImportImage makes an image of an archive of a root.
func ImportImage(t *testing.T, archive, ref string) {
	t.Helper()
	Docker(t, "import", archive, ref)
}
