//go:build e2e

package roots

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// apart runs a script with an /etc and a /run of its own: a runtime and certgraft
// have files there that have one name for the whole machine.
const apart = `mount -t tmpfs none "$1"; mkdir "$1/upper" "$1/work"
mount -t overlay -o "lowerdir=/etc,upperdir=$1/upper,workdir=$1/work" none /etc; mount -t tmpfs none /run; cd "$2"; mkdir -p /etc/certgraft /etc/cdi; cp corp.pem /etc/certgraft/
`

func inApart(t *testing.T, dir, script string) string {
	t.Helper()
	return rig.Run(t, "unshare", "-m", "sh", "-ec", apart+script, "sh", t.TempDir(), dir)
}

// hostDir has a CA, the program under both names, and how it is found in a bundle.
func hostDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	rig.Write(t, filepath.Join(dir, "corp.pem"), rig.Read(t, rig.NewAuthority(t, "Host Root").CAFile))
	for _, name := range []string{"certgraft", "certgraft-runc"} {
		if err := os.Symlink(rig.Certgraft, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// trusts prints in how many places a root has the CA, with no help of variables.
const trusts = `env -i /bin/grep -c "$(/bin/sed -n 3p /opt/corp.pem)" /etc/ssl/certs/ca-certificates.crt || true; ls /usr/local/share/ca-certificates`

// A container that the wrapper has runc make trusts, and its layer is what it is
// with runc alone, for an engine that drops what is as it was below.
func TestRuntimeWrapper(t *testing.T) {
	root := rig.Debian(t, "trixie")
	dir := hostDir(t)
	rig.Run(t, "cp", filepath.Join(dir, "corp.pem"), filepath.Join(root, "opt/"))
	layers := map[string]map[string]string{}
	for _, runtime := range []string{"runc", "./certgraft-runc"} {
		upper, work := t.TempDir(), t.TempDir()
		merged := rig.Mount(t, "-t", "overlay", "-o", "lowerdir="+root+",upperdir="+upper+",workdir="+work, "overlay")
		bundle := filepath.Join(dir, "bundle")
		rig.Write(t, filepath.Join(bundle, "config.json"), runcConfig(t, merged, trusts+"; echo x >/srv/x"))
		said := inApart(t, dir, `echo '{"sources": ["/etc/certgraft/corp.pem"], "strict": true}' >/etc/certgraft/host.json; `+runtime+` --root /run/r run --bundle bundle c1; ls /run/certgraft || true`)
		if trusted := strings.HasPrefix(said, "1\n") && strings.Contains(said, "certgraft-corp"); trusted != (runtime != "runc") {
			t.Errorf("by %s: %s", runtime, said)
		}
		if strings.Contains(said, ".json") {
			t.Errorf("the state stays: %s", said)
		}
		layers[runtime] = changed(t, root, upper)
	}
	rig.Same(t, "the layer of the container", layers["runc"], layers["./certgraft-runc"])
}

// runcConfig returns the configuration that runc itself proposes, for a script.
func runcConfig(t *testing.T, root, script string) string {
	t.Helper()
	dir := t.TempDir()
	rig.Run(t, "runc", "spec", "--bundle", dir)
	var all map[string]any
	if err := json.Unmarshal([]byte(rig.Read(t, filepath.Join(dir, "config.json"))), &all); err != nil {
		t.Fatal(err)
	}
	all["root"] = map[string]any{"path": root}
	process := all["process"].(map[string]any)
	process["args"], process["terminal"] = []string{"/bin/sh", "-c", script}, false
	delete(process, "rlimits")
	delete(all["linux"].(map[string]any), "resources")
	data, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// A container of podman that asks for the device trusts while it runs. It has the
// CA in no export, whether it ended or was killed.
func TestPodmanDevice(t *testing.T) {
	rig.Slow(t)
	if _, err := exec.LookPath("podman"); err != nil {
		t.Skip("podman is not installed: apt-get install podman")
	}
	archive := rig.Tarball(t, "trixie", "", "ca-certificates")
	dir := hostDir(t)
	said := inApart(t, dir, `./certgraft cdi --plain --strict --output /etc/cdi/certgraft.json ./corp.pem
p="podman --root $1/root --runroot /run/p --runtime runc --cgroup-manager cgroupfs --events-backend file"
r="--network none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024"
$p import `+archive+` img >/dev/null
echo plain; $p run $r --rm img ls /usr/local/share/ca-certificates
echo device; $p run $r --name a --device certgraft.dev/ca=corp img ls /usr/local/share/ca-certificates
echo after; $p export a | tar t | grep -i certgraft || true
echo restarted; $p start -a a
$p run -d $r --name b --device certgraft.dev/ca=corp img sleep 100 >/dev/null
echo killed; $p kill b >/dev/null; $p wait b >/dev/null; sleep 1; $p export b | tar t | grep -i certgraft || true
echo end; $p rm -f a b >/dev/null`)
	var lines []string
	for line := range strings.Lines(said) {
		if line = strings.TrimSpace(line); len(line) < 12 || strings.HasPrefix(line, "certgraft-") {
			line, _, _ = strings.Cut(line, "-corp-")
			lines = append(lines, line)
		}
	}
	if got, want := strings.Join(lines, " "), "plain device certgraft after restarted certgraft killed end"; !strings.HasSuffix(got, want) {
		t.Errorf("%s\n%s", got, said)
	}
}
