//go:build e2e

package e2e

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// On an image with nothing but two static programs there is neither a shell, nor
// /tmp, nor a CA: the Mozilla roots stand in, and nothing is left.
func TestRunScratch(t *testing.T) {
	root, corp := t.TempDir(), newAuthority(t, "Corp Root")
	run(t, "cp", certgraft, filepath.Join(root, "certgraft"))
	buildClient(t, filepath.Join(root, "client"))
	write(t, filepath.Join(root, "corp.pem"), read(t, corp.caFile))
	url := fmt.Sprintf("https://127.0.0.1:%d/", tlsServer(t, corp))
	before := snapshot(t, root)
	fails(t, 1, "env", "-i", "/usr/sbin/chroot", root, "/client", url)
	out := run(t, "env", "-i", "/usr/sbin/chroot", root, "/certgraft", "run", "/corp.pem", "--", "/client", url)
	if !strings.Contains(out, "200 OK") || !strings.Contains(out, "note: this system has no CAs") {
		t.Error(out)
	}
	same(t, "after certgraft run", before, snapshot(t, root))
}

// As the first process of a container certgraft sees off the orphans of others,
// and passes on the signals that the kernel would keep from it.
func TestRunFirstProcess(t *testing.T) {
	corp := newAuthority(t, "Corp Root").caFile
	first := []string{"unshare", "--pid", "--fork", "--mount-proc", "--kill-child", certgraft, "run", corp, "--", "sh", "-c"}
	orphan := `test $PPID = 1 && sh -c 'sleep 0.1 &' && sleep 1 && ! grep -l 'State:.Z' /proc/[0-9]*/status && exit 7`
	fails(t, 7, "env", append(first, orphan)...)
	fails(t, 143, "env", append(first, `kill -TERM 1; exec sleep 60`)...)
}

// What is typed at a terminal reaches the command once: the kernel sends it to
// the whole job.
func TestRunTyped(t *testing.T) {
	dir, corp := t.TempDir(), newAuthority(t, "Corp Root").caFile
	count := write(t, filepath.Join(dir, "count.py"), `import signal, time
seen = []
signal.signal(signal.SIGINT, lambda *_: seen.append(1))
end = time.time() + 4
while time.time() < end: time.sleep(0.1)
print("seen", len(seen))
`)
	out := run(t, "sh", "-c", fmt.Sprintf(`(sleep 2; printf '\003'; sleep 4) | TMPDIR=%s script -qec "%s run %s -- python3 %s" /dev/null`, dir, certgraft, corp, count))
	if !strings.Contains(out, "seen 1") {
		t.Error(out)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "certgraft-run-*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// A step of a Dockerfile under certgraft run leaves a layer with nothing in it.
func TestRunDockerfile(t *testing.T) {
	b := makeBases(t)
	importImage(t, filepath.Join(b.dir, "debian.tar"), b.debian)
	corp := newAuthority(t, "Corp Root")
	for name, lines := range map[string][]string{
		"debian": {
			"FROM " + b.debian,
			"COPY . /",
			"RUN ! openssl verify /server.crt",
			`RUN ["/certgraft", "run", "/corp.pem", "--", "openssl", "verify", "/server.crt"]`,
		},
		"scratch": {
			"FROM scratch",
			"COPY . /",
			`RUN ["/certgraft", "run", "/corp.pem", "--", "/certgraft", "run", "/corp.pem", "--", "/certgraft", "version"]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			context := t.TempDir()
			run(t, "cp", certgraft, corp.caFile, corp.certFile, context)
			write(t, filepath.Join(context, "Dockerfile"), strings.Join(lines, "\n"))
			docker(t, "build", "--network=none", "-t", "run-"+name, context)
			if names := lastLayer(t, "run-"+name); names != "" {
				t.Errorf("the layer has %s", names)
			}
		})
	}
}

// lastLayer lists what is in the last layer of an image.
func lastLayer(t *testing.T, image string) string {
	t.Helper()
	archive := filepath.Join(t.TempDir(), "image.tar")
	docker(t, "save", "-o", archive, image)
	defer os.Remove(archive)
	var saved []struct{ Layers []string }
	if err := json.Unmarshal([]byte(run(t, "tar", "-xOf", archive, "manifest.json")), &saved); err != nil {
		t.Fatal(err)
	}
	last := saved[0].Layers[len(saved[0].Layers)-1]
	var names strings.Builder
	for layer := tar.NewReader(strings.NewReader(run(t, "tar", "-xOf", archive, last))); ; {
		header, err := layer.Next()
		if err == io.EOF {
			return names.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		// The engine itself leaves these, for what it mounts into an empty root.
		if !slices.Contains([]string{"dev/", "etc/", "proc/", "sys/"}, header.Name) {
			names.WriteString(header.Name + "\n")
		}
	}
}
