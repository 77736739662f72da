//go:build e2e

package browsers

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// NSS's tstclnt refuses a server, and connects once the certutil line that install
// prints for its very database was run: R12.
func TestR12Certutil(t *testing.T) {
	root := rig.Unpack(t, rig.Tarball(t, "trixie", "nss", "ca-certificates", "libnss3-tools"))
	rig.Run(t, "mknod", "-m", "666", filepath.Join(root, "dev/urandom"), "c", "1", "9") // NSS asks it
	a := rig.NewAuthority(t, "Corp's CA")
	port := rig.TLSServer(t, a)
	for _, dir := range []string{"/home/u/.pki/nssdb", "/root/.local/share/pki/nssdb"} {
		rig.Chroot(t, root, "mkdir", "-p", dir)
		rig.Chroot(t, root, "certutil", "-N", "-d", "sql:"+dir, "--empty-password")
	}
	out := rig.Run(t, rig.Certgraft, "install", "--root", root, a.CAFile)
	lines := regexp.MustCompile(`certutil -A -d (sql:\S+) -t C,, -n .* -i \S+`).FindAllStringSubmatch(out, -1)
	if len(lines) != 2 {
		t.Fatalf("install does not name both databases:\n%s", out)
	}
	for _, line := range lines {
		client := fmt.Sprintf("tstclnt -h 127.0.0.1 -p %d -d %s -Q", port, line[1])
		if out, err := rig.Try(t, "chroot", root, "sh", "-c", client); err == nil || !strings.Contains(out, "SEC_ERROR_UNKNOWN_ISSUER") {
			t.Errorf("%s: before: %v\n%s", line[1], err, out)
		}
		rig.Chroot(t, root, "sh", "-c", line[0])
		rig.Chroot(t, root, "sh", "-c", client)
	}
}
