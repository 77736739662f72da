//go:build e2e

package image

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// On an image with nothing but two static programs there is neither a shell, nor
// /tmp, nor a CA: the Mozilla roots stand in, and nothing is left.
func TestRunScratch(t *testing.T) {
	root, corp := t.TempDir(), rig.NewAuthority(t, "Corp Root")
	rig.Run(t, "cp", rig.Certgraft, filepath.Join(root, "certgraft"))
	rig.BuildClient(t, filepath.Join(root, "client"))
	rig.Write(t, filepath.Join(root, "corp.pem"), rig.Read(t, corp.CAFile))
	url := fmt.Sprintf("https://127.0.0.1:%d/", rig.TLSServer(t, corp))
	before := rig.Snapshot(t, root)
	rig.Fails(t, 1, "env", "-i", "/usr/sbin/chroot", root, "/client", url)
	out := rig.Run(t, "env", "-i", "/usr/sbin/chroot", root, "/certgraft", "run", "/corp.pem", "--", "/client", url)
	if !strings.Contains(out, "200 OK") || !strings.Contains(out, "note: this system has no CAs") {
		t.Error(out)
	}
	rig.Same(t, "after certgraft run", before, rig.Snapshot(t, root))
}

// As the first process of a container certgraft sees off the orphans of others,
// and passes on the signals that the kernel would keep from it.
func TestRunFirstProcess(t *testing.T) {
	corp := rig.NewAuthority(t, "Corp Root").CAFile
	first := []string{"unshare", "--pid", "--fork", "--mount-proc", "--kill-child", rig.Certgraft, "run", corp, "--", "sh", "-c"}
	// What has ended stays in /proc until it is seen off.
	orphan := `test $PPID = 1 || exit; orphan=$(sh -c 'sleep 0.1 >/dev/null & echo $!')
for i in $(seq 600); do test -e /proc/$orphan || exit 7; sleep 0.1; done`
	rig.Fails(t, 7, "env", append(first, orphan)...)
	rig.Fails(t, 143, "env", append(first, `kill -TERM 1; exec sleep 60`)...)
}

// What is typed at a terminal reaches the command once: the kernel sends it to
// the whole job, and a shell in between would tell of it too.
func TestRunTyped(t *testing.T) {
	dir, corp := t.TempDir(), rig.NewAuthority(t, "Corp Root").CAFile
	count := rig.Write(t, filepath.Join(dir, "count.py"), `import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
seen = 0
for n in "12345": # two that are close to each other may be one
    os.mkdir(sys.argv[1] + n)
    patience = 60
    while signal.sigtimedwait({signal.SIGINT}, patience):
        seen, patience = seen + 1, 0.5
print("seen", seen)
os.mkdir(sys.argv[1] + "6")
`)
	const typing = `(for n in 1 2 3 4 5 6; do for i in $(seq 600); do test -e "$1$n" && break; sleep 0.1; done; test $n = 6 || printf '\003'; done) |
TMPDIR=$0 script -qec "exec $2 run $3 -- python3 $4 $1" /dev/null`
	out := rig.Run(t, "sh", "-c", typing, dir, filepath.Join(dir, "counting"), rig.Certgraft, corp, count)
	if !strings.Contains(out, "seen 5") {
		t.Error(out)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "certgraft-run-*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// A step of a Dockerfile under certgraft run leaves a layer with nothing in it
// but what the engine puts there under any command.
func TestRunDockerfile(t *testing.T) {
	b := rig.MakeBases(t)
	rig.ImportImage(t, filepath.Join(b.Dir, "debian.tar"), b.Debian)
	corp := rig.NewAuthority(t, "Corp Root")
	for name, dockerfile := range map[string]struct{ base, plain, under string }{
		"debian": {
			b.Debian, `! openssl verify /server.crt`,
			`["/certgraft", "run", "/corp.pem", "--", "openssl", "verify", "/server.crt"]`,
		},
		"scratch": {
			"scratch", `["/certgraft", "version"]`,
			`["/certgraft", "run", "/corp.pem", "--", "/certgraft", "run", "/corp.pem", "--", "/certgraft", "version"]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			context := t.TempDir()
			rig.Run(t, "cp", rig.Certgraft, corp.CAFile, corp.CertFile, context)
			rig.Write(t, filepath.Join(context, "Dockerfile"), fmt.Sprintf(
				"FROM %s AS base\nCOPY certgraft corp.pem server.crt /\nFROM base AS plain\nRUN %s\nFROM base AS under\nRUN %s\n", dockerfile.base, dockerfile.plain, dockerfile.under))
			left := map[string]string{}
			for _, target := range []string{"plain", "under"} {
				rig.Docker(t, "build", "--network=none", "--target", target, "-t", name+"-"+target, context)
				left[target] = lastLayer(t, name+"-"+target)
			}
			if left["under"] != left["plain"] || strings.Contains(left["under"], "certgraft") {
				t.Errorf("the layer has %s, that of another command %s", left["under"], left["plain"])
			}
		})
	}
}

// lastLayer lists what is in the last layer of an image.
func lastLayer(t *testing.T, image string) string {
	t.Helper()
	dir := t.TempDir()
	rig.Docker(t, "save", "-o", filepath.Join(dir, "image.tar"), image)
	rig.Run(t, "tar", "-C", dir, "-xf", filepath.Join(dir, "image.tar")) // of equal layers all but one are links
	var saved []struct{ Layers []string }
	if err := json.Unmarshal([]byte(rig.Read(t, filepath.Join(dir, "manifest.json"))), &saved); err != nil {
		t.Fatal(err)
	}
	last := saved[0].Layers[len(saved[0].Layers)-1]
	return rig.Run(t, "tar", "-tf", filepath.Join(dir, last))
}
