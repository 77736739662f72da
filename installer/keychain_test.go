package installer_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

// standIn is a security(1) that records its arguments and the content of its file, and
// prints the content of a keychain.
func standIn(t *testing.T, held string, script string) (tool string, calls func() string) {
	t.Helper()
	dir := t.TempDir()
	tool, log := filepath.Join(dir, "security"), filepath.Join(dir, "log")
	text := "echo \"$@\" | sed 's/[^ ]*certgraft-[0-9]*.pem/FILE/' >>" + log + "\nif [ \"$1\" = find-certificate ]; then printf '" + held + "'; exit 0; fi\n" + script
	roottest.Script(t, tool, text)
	return tool, func() string {
		data, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
}

func fingerprints(s installer.Source) (out []string) {
	for c := range s.Certs.All() {
		out = append(out, c.Fingerprint().String())
	}
	return out
}

// On a Mac the keychain is edited with the system's own tool.
func TestKeychain(t *testing.T) {
	ca, there := roottest.NewCA(t, "New"), roottest.NewCA(t, "There")
	sub := ca.Intermediate(t, "Sub")
	s := source(t, "s", ca.PEM()+there.PEM()+sub.PEM())
	prints := fingerprints(s)
	tool, calls := standIn(t, "SHA-256 hash: "+strings.ToUpper(prints[1])+"\nSHA-1 hash: 00\nkeychain: x\n", "exit 0\n")
	k := installer.Keychain{Tool: tool}
	root := fstest.MapFS{}
	o := rootfs.NewOverlay(root)
	report, err := k.Install(context.Background(), o, []installer.Source{s}, installer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r := report.Stores[0]; r.Added != 2 || r.Present != 1 || r.Path != "/Library/Keychains/System.keychain" {
		t.Errorf("%+v", r)
	}
	const system = "/Library/Keychains/System.keychain"
	want := "find-certificate -a -Z " + system + "\n" +
		"add-trusted-cert -d -r trustRoot -k " + system + " FILE\n" +
		"add-trusted-cert -d -r trustAsRoot -k " + system + " FILE\n"
	if got := calls(); got != want {
		t.Errorf("called\n%swant\n%s", got, want)
	}
	after := apply(root, o)
	o = rootfs.NewOverlay(after)
	if _, err := k.Remove(context.Background(), o, installer.Selection{All: true}, installer.Options{}); err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimPrefix(calls(), want); strings.Count(got, "delete-certificate -Z ") != 2 || strings.Contains(got, strings.ToUpper(prints[1])) {
		t.Errorf("called\n%s", got)
	}
	if left := apply(after, o); left[installer.RecordPath] != nil {
		t.Error("the record is left")
	}
}

// The login keychain is the user's own, and needs no domain.
func TestLoginKeychain(t *testing.T) {
	tool, calls := standIn(t, "", "exit 0\n")
	k := installer.Keychain{Tool: tool, Home: "/Users/ada"}
	if _, err := k.Install(context.Background(), rootfs.NewOverlay(fstest.MapFS{}), []installer.Source{source(t, "s", roottest.NewCA(t, "New").PEM())}, installer.Options{}); err != nil {
		t.Fatal(err)
	}
	if want := "add-trusted-cert -r trustRoot -k /Users/ada/Library/Keychains/login.keychain-db FILE\n"; !strings.HasSuffix(calls(), want) {
		t.Errorf("called\n%swant\n%s", calls(), want)
	}
}

// A tool that fails gives an error with a cure, and the additions of this run are
// undone. A dry run only reads.
func TestKeychainFailure(t *testing.T) {
	s := source(t, "s", roottest.NewCA(t, "One").PEM()+roottest.NewCA(t, "Two").PEM())
	marker := filepath.Join(t.TempDir(), "marker")
	tool, calls := standIn(t, "", "if [ \"$1\" = add-trusted-cert ] && [ -e "+marker+" ]; then echo 'authorization denied' >&2; exit 1; fi\ntouch "+marker+"\n")
	k := installer.Keychain{Tool: tool}
	_, err := k.Install(context.Background(), rootfs.NewOverlay(fstest.MapFS{}), []installer.Source{s}, installer.Options{})
	if err == nil || !strings.Contains(err.Error(), "authorization denied") {
		t.Error(err)
	}
	if got := calls(); strings.Count(got, "delete-certificate -Z "+strings.ToUpper(fingerprints(s)[0])) != 1 {
		t.Errorf("called\n%s", got)
	}
	dry, dryCalls := standIn(t, "", "exit 1\n")
	k = installer.Keychain{Tool: dry, DryRun: true}
	if _, err := k.Install(context.Background(), rootfs.NewOverlay(fstest.MapFS{}), []installer.Source{s}, installer.Options{}); err != nil {
		t.Error(err)
	}
	if got := dryCalls(); strings.Count(got, "\n") != 1 {
		t.Errorf("called\n%s", got)
	}
}

// Additions from before the user's interruption are undone as well.
func TestKeychainIsStopped(t *testing.T) {
	s := source(t, "s", roottest.NewCA(t, "One").PEM()+roottest.NewCA(t, "Two").PEM())
	marker := filepath.Join(t.TempDir(), "marker")
	tool, calls := standIn(t, "", "if [ \"$1\" = add-trusted-cert ] && [ -e "+marker+" ]; then touch "+marker+".2; exec sleep 20; fi\ntouch "+marker+"\n")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for _, err := os.Stat(marker + ".2"); err != nil; _, err = os.Stat(marker + ".2") {
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
	}()
	_, err := installer.Keychain{Tool: tool}.Install(ctx, rootfs.NewOverlay(fstest.MapFS{}), []installer.Source{s}, installer.Options{})
	if err == nil || strings.Count(calls(), "delete-certificate -Z "+strings.ToUpper(fingerprints(s)[0])) != 1 {
		t.Errorf("%v, called\n%s", err, calls())
	}
}
