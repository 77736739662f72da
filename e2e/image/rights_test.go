//go:build e2e

package image

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// A container of a user without rights, whose root is read-only, as clusters run them:
// what works there is named, and works.
func TestS3S4UserWithoutRights(t *testing.T) {
	rig.ImportImage(t, rig.Tarball(t, "bookworm", "", "ca-certificates", "openssl"), "rights:1")
	corp := rig.NewAuthority(t, "Corp Root")
	dir := t.TempDir()
	rig.Run(t, "cp", rig.Certgraft, corp.CAFile, corp.CertFile, dir)
	ca, leaf := "/tool/"+filepath.Base(corp.CAFile), "/tool/"+filepath.Base(corp.CertFile)
	rig.BuildClient(t, filepath.Join(dir, "client"))
	url := fmt.Sprintf("https://127.0.0.1:%d/", rig.TLSServer(t, corp))
	docker := func(script string, flags ...string) string {
		t.Helper()
		args := append([]string{"run", "--rm", "--user", "1000", "--read-only", "--tmpfs", "/tmp", "--network", "host", "-v", dir + ":/tool:ro"}, flags...)
		return rig.Docker(t, append(args, "rights:1", "sh", "-ec", script)...)
	}
	has := func(out string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("no %q in\n%s", w, out)
			}
		}
	}

	// All that can be said: nothing can be written.
	out := docker("! /tool/certgraft install " + ca + " 2>&1")
	has(out, "permission denied", "nothing was changed", "--output DIR", "certgraft run SOURCE… -- COMMAND")
	out = docker("! /tool/certgraft install --keep-going " + ca + " 2>&1")
	has(out, "permission denied", "nothing was changed", "certgraft run SOURCE… -- COMMAND")

	out = docker("/tool/certgraft install --output /tmp/out " + ca + " && /tool/certgraft install --output /tmp/out " + ca +
		" && stat -c '%u:%g %A %n' /tmp/out/etc/ssl/certs/ca-certificates.crt && openssl verify -no-CApath -no-CAstore -CAfile /tmp/out/etc/ssl/certs/ca-certificates.crt " + leaf)
	has(out, "1000:0 -rw-r--r-- /tmp/out/etc/ssl/certs/ca-certificates.crt", ": OK")

	out = docker("! /tool/client " + url + " && /tool/certgraft run " + ca + " -- /tool/client " + url)
	has(out, "200 OK")

	share := t.TempDir()
	rig.Run(t, "chmod", "777", share)
	// Where some places can be written, --keep-going edits these and names the others.
	out = docker("cp /etc/ssl/certs/ca-certificates.crt /tmp/bundle.pem && SSL_CERT_FILE=/tmp/bundle.pem /tool/certgraft install --keep-going "+ca+" 2>&1 && openssl verify -no-CApath -no-CAstore -CAfile /tmp/bundle.pem "+leaf, "-v", share+":/usr/local/share")
	has(out, "store debian was left as it is", "permission denied", "/tmp/bundle.pem", ": OK")
}
