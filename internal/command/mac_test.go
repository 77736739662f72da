package command

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/hint"
)

// On a Mac, install and remove work on the keychain; a stand-in plays its tool.
func TestMac(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	if err := os.WriteFile(filepath.Join(dir, "security"), []byte("#!/bin/sh\necho \"$1 $2\" >>"+log+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	home := filepath.Join(dir, "home")
	try := func(args ...string) (string, error) {
		var out, problems bytes.Buffer
		p := newPrinter(strings.NewReader(""), &out, &problems, environ{"HOME": home, "SOURCE_DATE_EPOCH": "1800000000"})
		p.mac = true
		app := newApp(p, commands)
		args, err := permute(app, append([]string{"certgraft"}, args...))
		if err == nil {
			err = app.RunContext(t.Context(), args)
		}
		return out.String(), err
	}
	certgraft := func(args ...string) string {
		t.Helper()
		out, err := try(args...)
		if err != nil {
			t.Fatalf("%q: %v", args, err)
		}
		return out
	}
	if err := os.Mkdir(home, 0o755); err != nil {
		t.Fatal(err)
	}
	if out := certgraft("install", "--user", "--dry-run", "--verbose", "../../testdata/bundles/corp.pem"); !strings.Contains(out, "would create file /usr/local/share/certgraft/installed.json") {
		t.Error(out)
	}
	if made, err := os.ReadDir(home); err != nil || len(made) > 0 {
		t.Errorf("a dry run made %v, %v", made, err)
	}
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	if out := certgraft("install", "--user", "../../testdata/bundles/corp.pem"); !strings.Contains(out, "login.keychain-db") || !strings.Contains(out, "3 added") {
		t.Error(out)
	}
	if _, err := os.Stat(filepath.Join(home, "Library/Application Support/certgraft/usr/local/share/certgraft/installed.json")); err != nil {
		t.Error(err)
	}
	certgraft("remove", "--user", "--all")
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	want := "find-certificate -a\n" + strings.Repeat("add-trusted-cert -r\n", 3) + strings.Repeat("delete-certificate -Z\n", 3)
	if string(data) != want {
		t.Errorf("called\n%swant\n%s", data, want)
	}
	// The keychain has no list of distrusted CAs, so it stays unchanged.
	for _, args := range [][]string{{"--user", "../../testdata/bundles/corp.pem"}, {"--user", "--undo"}} {
		out, err := try(append([]string{"distrust"}, args...)...)
		hints := strings.Join(hint.Of(err), "\n")
		if err == nil || exitStatus(err) != 1 || !strings.Contains(err.Error(), "keychain is not edited by distrust") || !strings.Contains(hints, "Never Trust") {
			t.Errorf("%q: %v, %q, %s", args, err, hints, out)
		}
	}
	if now, err := os.ReadFile(log); err != nil || string(now) != want {
		t.Errorf("distrust called\n%s, %v", now, err)
	}
	// A root in a directory is a container's, on a Mac too.
	root := filepath.Join(dir, "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if out := certgraft("install", "--root", root, "../../testdata/bundles/corp.pem"); !strings.Contains(out, "/etc/ssl/certs/ca-certificates.crt") {
		t.Error(out)
	}
}
