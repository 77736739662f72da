//go:build e2e

package roots

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/roottest"
)

// demoFile is the record of the runs that docs/demo.svg shows; internal/gen draws it.
const demoFile = "internal/gen/demo.txt"

// The picture in README shows what the program prints on a terminal today: each of its
// commands is run here, on a real Debian, with Debian's own tool in between. What
// differs from run to run has the same text in the record. -update writes it anew.
func TestDemo(t *testing.T) {
	authority := rig.NewAuthority(t, "Corp Root CA", "localhost")
	port := fmt.Sprint(rig.TLSServer(t, authority))
	dir := t.TempDir()
	if err := os.Rename(rig.Debian(t, "trixie"), filepath.Join(dir, "debian")); err != nil {
		t.Fatal(err)
	}
	rig.Run(t, "cp", "-a", filepath.Join(dir, "debian/etc"), filepath.Join(dir, "etc.before"))
	rig.Write(t, filepath.Join(dir, "corp.pem"), rig.Read(t, authority.CAFile))
	layout := roottest.OpenLayout(t, filepath.Join(dir, "images"))
	rig.Run(t, "tar", "-C", filepath.Join(dir, "debian"), "-cf", filepath.Join(dir, "layer.tar"), "etc/os-release", "usr/lib/os-release",
		"etc/ssl", "etc/ca-certificates.conf", "usr/share/ca-certificates", "usr/sbin/update-ca-certificates")
	layer := []byte(rig.Read(t, filepath.Join(dir, "layer.tar")))
	layout.Tag(layout.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{layer}}), "app")

	var record strings.Builder
	for _, scene := range []struct {
		says     string
		commands []string
	}{
		{"A client in this root refuses the company's server. Why?", []string{"certgraft verify --root debian localhost:8443"}},
		{"The cure: one command, every trust store.", []string{"certgraft install --root debian ./corp.pem"}},
		{"Debian's own tool agrees: it finds nothing to change.", []string{"chroot debian update-ca-certificates", "certgraft install --root debian ./corp.pem", "certgraft verify --quiet --root debian localhost:8443 && echo trusted"}},
		{"The same for an image that exists, without an engine.", []string{"certgraft patch oci:images:app ./corp.pem --tag oci:images:app-ca"}},
		{"And out again, byte for byte.", []string{"certgraft remove --root debian --all", "diff -r --no-dereference etc.before debian/etc && echo no difference"}},
	} {
		fmt.Fprintf(&record, "# %s\n", scene.says)
		for _, command := range scene.commands {
			fmt.Fprintf(&record, "$ %s\n%s", command, onTerminal(t, dir, strings.ReplaceAll(command, ":8443", ":"+port), port))
		}
	}
	name := rig.File(demoFile)
	if *rig.Update {
		rig.Write(t, name, record.String())
	}
	if want := rig.Read(t, name); record.String() != want {
		t.Errorf("the program prints\n%s\nand %s has\n%s\nrun this test with -update and make docs", record.String(), demoFile, want)
	}
}

// onTerminal runs a command on a terminal of 80 columns and returns what it prints, the
// same each time.
func onTerminal(t *testing.T, dir, command, port string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, "script", "--quiet", "--return", "--command", "stty cols 80; "+command, "/dev/null")
	run.Dir = dir
	run.Env = []string{"PATH=" + filepath.Dir(rig.Certgraft) + ":/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "TERM=xterm"}
	out, err := run.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() != 5) {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	text := strings.ReplaceAll(strings.ReplaceAll(string(out), "\r\n", "\n"), "\x1b", "^[")
	for _, mask := range [][2]string{
		{`:` + port, ":8443"},
		{`\b20[0-9][0-9]-[0-9][0-9]-[0-9][0-9]\b`, "2036-11-25"},
		{`\b[0-9]{2}:[0-9]{2}:[0-9]{2} UTC`, "12:00:00 UTC"},
		{`\bin [0-9]+ ms`, "in 1 ms"},
		{`\b[0-9]+ days left`, "3650 days left"},
		{`\b[0-9]+(\.[0-9])? kB`, "2.7 kB"},
	} {
		text = regexp.MustCompile(mask[0]).ReplaceAllString(text, mask[1])
	}
	digests := map[string]string{}
	return regexp.MustCompile(`\b[0-9a-f]{64}\b`).ReplaceAllStringFunc(text, func(digest string) string {
		if digests[digest] == "" {
			digests[digest] = fmt.Sprintf("%x", sha256.Sum256([]byte{byte(len(digests))}))
		}
		return digests[digest]
	})
}
