//go:build e2e

package roots

import (
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// However a step ends, the root is what it was: by its status, a signal to it or to
// certgraft. Where certgraft itself is killed, the next one that looks puts it back.
func TestStepEnds(t *testing.T) {
	root := rig.Debian(t, "trixie")
	rig.Run(t, "cp", rig.Certgraft, filepath.Join(root, "opt/certgraft"))
	ca := rig.Read(t, rig.NewAuthority(t, "Corp Root").CAFile)
	rig.Write(t, filepath.Join(root, "opt/corp.pem"), ca)
	bundle := filepath.Join(root, "etc/ssl/certs/ca-certificates.crt")
	before := rig.Snapshot(t, root)
	run := func(status int, script string) {
		t.Helper()
		rig.Fails(t, status, "chroot", root, "/usr/bin/env", "-i", "PATH=/usr/bin:/bin", "/opt/certgraft", "run", "--in-root", "/opt/corp.pem", "--", "sh", "-c", script)
	}
	ends := map[string]int{"exit 7": 7, "kill -KILL $$": 137, "kill -TERM $PPID; exec sleep 60": 143, "kill -HUP $PPID; exec sleep 60": 129}
	if signal.Ignored(syscall.SIGHUP) { // by nohup, which the command inherits
		delete(ends, "kill -HUP $PPID; exec sleep 60")
	}
	for script, status := range ends {
		run(status, script)
		rig.Same(t, script, before, rig.Snapshot(t, root))
	}
	_, _ = rig.Try(t, "chroot", root, "/opt/certgraft", "run", "--in-root", "/opt/corp.pem", "--", "sh", "-c", "kill -KILL $PPID")
	if !strings.Contains(rig.Read(t, bundle), ca) {
		t.Fatal("certgraft was not killed in the step")
	}
	if said := rig.Run(t, rig.Certgraft, "inspect", root); !strings.Contains(said, "took out of the stores what killed runs left") {
		t.Error(said)
	}
	rig.Same(t, "after the next certgraft", before, rig.Snapshot(t, root))
}
