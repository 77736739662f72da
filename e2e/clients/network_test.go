//go:build e2e

package clients

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/certgraft/certgraft/e2e/rig"
)

// Where this machine has no route, or nobody resolves names, a second try cures
// nothing: the snapshot is used at once. It takes about 50 ms; the retries, which
// the first round made, take 7 s.
func TestFallbackWithoutNetwork(t *testing.T) {
	resolver := rig.Write(t, filepath.Join(t.TempDir(), "resolv.conf"), "nameserver 127.0.0.1\n")
	far := rig.Write(t, filepath.Join(t.TempDir(), "resolv.conf"), "nameserver 192.0.2.53\n")
	for name, prepare := range map[string]string{
		"no route":                "mount --bind " + far + " /etc/resolv.conf",
		"no resolver":             "mount --bind " + resolver + " /etc/resolv.conf && busybox ip link set lo up",
		"no route to a proxy":     "export HTTPS_PROXY=http://192.0.2.80:3128",
		"no resolver for a proxy": "mount --bind " + resolver + " /etc/resolv.conf && busybox ip link set lo up && export HTTPS_PROXY=http://proxy.example:3128",
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "bundle.pem")
			script := "unset HTTPS_PROXY https_proxy; " + prepare + " && exec " + rig.Certgraft + " bundle aws-rds --timeout 20s --output " + out
			start := time.Now()
			said := rig.Run(t, "unshare", "--net", "--mount", "sh", "-c", script)
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("the snapshot is used after %v", took)
			}
			if bundle := rig.Read(t, out); !strings.Contains(bundle, "BEGIN CERTIFICATE") || !strings.Contains(said, "the snapshot in this program is used") {
				t.Errorf("the bundle is not the snapshot: %s\n%s", bundle, said)
			}
		})
	}
}
