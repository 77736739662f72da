package installer_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
)

const localDir = "usr/local/share/ca-certificates/"

// An empty bundle counts as none: its readers trust only the installed CAs, and a
// warning says so. With the Mozilla roots, the bundle begins with these.
func TestS6EmptyBundle(t *testing.T) {
	for name, before := range map[string]fstest.MapFS{
		"empty": bundleTree(""), "a comment": bundleTree("# none\n"), "Debian's": debianTree(map[string]string{bundlePath: ""}),
		"a second one": {bundlePath: {Data: []byte(roottest.NewCA(t, "Old").PEM()), Mode: 0o644}, "etc/ssl/cert.pem": {Mode: 0o644}},
	} {
		_, report := roundTrip(t, before, installer.Options{}, corp(t))
		if n := strings.Count(strings.Join(report.Warnings, "\n"), "now trust"); n != 1 {
			t.Errorf("%s: %q", name, report.Warnings)
		}
	}
	after, report := roundTrip(t, bundleTree(""), installer.Options{WithMozilla: true}, corp(t))
	if n := strings.Count(bundleOf(after), "BEGIN"); n < 110 || len(report.Warnings) > 0 {
		t.Errorf("%d certificates with Mozilla's, %q", n, report.Warnings)
	}
}

// Files in the directory of anchors that no program trusts yet are named: files that the
// tool has not read since, and files that it never reads.
func TestS6PendingAndUnread(t *testing.T) {
	old, late := roottest.NewCA(t, "Old"), roottest.NewCA(t, "Late")
	files := map[string]string{localDir + "old.crt": old.PEM(), bundlePath: old.PEM(), "etc/ssl/certs/old.pem": ""}
	for _, c := range []struct {
		name, want string
	}{
		{localDir + "late.crt", "/" + localDir + "late.crt is an anchor and is not in the bundle yet: run update-ca-certificates"},
		{localDir + "late.pem", "/" + localDir + "late.pem holds certificates and update-ca-certificates does not read it: it takes names that end in .crt; rename it, or add it with certgraft install"},
		{localDir + "more/late.cer", "/" + localDir + "more/late.cer holds certificates"},
	} {
		before := debianTree(files)
		before[c.name] = &fstest.MapFile{Data: []byte(late.PEM()), Mode: 0o644}
		before[localDir+"README"] = &fstest.MapFile{Data: []byte("put certificates here\n"), Mode: 0o644}
		_, report := install(t, before, installer.Options{}, corp(t))
		if strings.Count(strings.Join(report.Warnings, "\n"), c.want) != 1 {
			t.Errorf("%s: %q", c.name, report.Warnings)
		}
		seen, err := installer.Inspect(before, time.Now(), installer.Options{})
		if err != nil || strings.Count(strings.Join(seen.Warnings, "\n"), c.want) != 1 {
			t.Errorf("inspect: %s: %v", c.name, seen.Warnings)
		}
		_, report = install(t, before, installer.Options{}, source(t, "late", late.PEM()))
		if strings.Contains(strings.Join(report.Warnings, "\n"), "late.") {
			t.Errorf("it is what is installed: %q", report.Warnings)
		}
	}
}

// An existing anchor of a source is used: it gets the links that the tool would make,
// and no second anchor.
func TestS6SourceIsAnAnchor(t *testing.T) {
	old, ca := roottest.NewCA(t, "Old"), roottest.NewCA(t, "Corp")
	before := debianTree(map[string]string{localDir + "corp.crt": ca.PEM(), bundlePath: old.PEM()})
	after, _ := install(t, before, installer.Options{}, source(t, "corp", ca.PEM()))
	for name := range after {
		if strings.HasPrefix(name, localDir) && name != localDir+"corp.crt" {
			t.Errorf("a second anchor: %s", name)
		}
	}
	if string(after["etc/ssl/certs/corp.pem"].Data) != "/"+localDir+"corp.crt" || after["etc/ssl/certs/"+hash(t, ca)+".0"] == nil || !strings.Contains(bundleOf(after), ca.PEM()) {
		t.Error("it is no CA of the root")
	}
	_, report := install(t, after, installer.Options{}, source(t, "corp", ca.PEM()))
	if strings.Contains(strings.Join(report.Warnings, "\n"), "corp.crt") {
		t.Errorf("%q", report.Warnings)
	}
	after, report = remove(t, after, installer.Selection{All: true}, installer.Options{})
	if len(report.Stays) != 1 || after[localDir+"corp.crt"] == nil || !strings.Contains(bundleOf(after), ca.PEM()) {
		t.Errorf("%+v", report.Stays)
	}
}

// Libraries with their own roots are named, with a cure.
func TestR14CompiledRoots(t *testing.T) {
	ca := roottest.NewCA(t, "Old")
	before := bundleTree(ca.PEM())
	before["opt/shop/lib/castore-1.0.9/priv/cacerts.pem"] = &fstest.MapFile{Data: []byte(ca.PEM()), Mode: 0o644}
	before["app/lib/certifi-2.12.0/ebin/certifi.app"] = &fstest.MapFile{Mode: 0o644}
	_, report := roundTrip(t, before, installer.Options{}, corp(t))
	got := map[string]string{}
	for _, a := range report.Advice {
		got[a.Runtime] = a.Path + " " + a.Do
	}
	for runtime, want := range map[string]string{
		"Elixir's castore": "/opt/shop/lib/castore-1.0.9/priv/cacerts.pem Mint,", "hackney's certifi": "/app/lib/certifi-2.12.0/ebin/certifi.app its roots are compiled in: give hackney, or HTTPoison, ssl_options: [cacertfile: \"/etc/ssl/certs/ca-certificates.crt\"]",
	} {
		if !strings.HasPrefix(got[runtime], want) {
			t.Errorf("%s: %q", runtime, got[runtime])
		}
	}
	before["opt/shop/lib/castore-1.0.9/priv/cacerts.pem"].Data = corp(t).Certs.AppendPEM(nil)
	if _, report = install(t, before, installer.Options{}, corp(t)); len(report.Advice) != 1 {
		t.Errorf("it has what is installed: %v", report.Advice)
	}
}

// The bundle of Homebrew is extended, and a note says that Homebrew writes it anew.
func TestS9Homebrew(t *testing.T) {
	ca := roottest.NewCA(t, "Old")
	const name = "home/linuxbrew/.linuxbrew/etc/ca-certificates/cert.pem"
	before := bundleTree(ca.PEM())
	before[name] = &fstest.MapFile{Data: []byte(ca.PEM()), Mode: 0o644}
	before["home/linuxbrew/.linuxbrew/etc/openssl@3/cert.pem"] = &fstest.MapFile{Data: []byte("../ca-certificates/cert.pem"), Mode: fs.ModeSymlink | 0o777}
	after, report := roundTrip(t, before, installer.Options{}, corp(t))
	if strings.Count(string(after[name].Data), "BEGIN") != 4 || strings.Count(strings.Join(report.Notes, "\n"), "/"+name+" is Homebrew's") != 1 {
		t.Errorf("%q", report.Notes)
	}
}

// A bundle in the store of Nix is named and stays unchanged. It is edited if --stores
// names nix.
func TestS9Nix(t *testing.T) {
	ca := roottest.NewCA(t, "Old")
	const name = "nix/store/0000-nss-cacert/etc/ssl/certs/ca-bundle.crt"
	before := fstest.MapFS{
		name:                          {Data: []byte(ca.PEM()), Mode: 0o444},
		"etc/ssl/certs/ca-bundle.crt": {Data: []byte("/" + name), Mode: fs.ModeSymlink | 0o777},
	}
	_, err := tryInstall(before, installer.Options{}, corp(t))
	if err == nil || !strings.Contains(err.Error(), "the bundle of this root, /"+name+", is in the store of Nix") || !strings.Contains(hint(err), "--stores auto,nix") {
		t.Errorf("%v: %s", err, hint(err))
	}
	environ := map[string]string{"SSL_CERT_FILE": "/" + name}
	after, _ := roundTrip(t, before, installer.Options{Stores: []string{"auto", "nix"}, Environ: environ}, corp(t))
	if strings.Count(string(after[name].Data), "BEGIN") != 4 {
		t.Error("it was not edited, though it was asked for")
	}
	before[bundlePath] = &fstest.MapFile{Data: []byte(ca.PEM()), Mode: 0o644}
	after, report := roundTrip(t, before, installer.Options{Environ: environ}, corp(t))
	warnings := strings.Join(report.Warnings, "\n")
	if string(after[name].Data) != ca.PEM() || !strings.Contains(warnings, "/"+name+" is in the store of Nix and was left as it is") || !strings.Contains(warnings, "SSL_CERT_FILE names /"+name+", which is in the store of Nix") || len(report.Instead) != 1 {
		t.Errorf("%q", report.Warnings)
	}
}
