package command

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/probe"
)

// ownTrust is the runtimes that do not, or not only, read the system's stores,
// and where they are found. Of a file of certificates it is looked whether the
// root is in it; nothing is said of a runtime that has the root.
var ownTrust = []struct {
	runtime string
	globs   []string
	bundle  bool   // what the globs find is the runtime's own file of CAs
	do      string // what makes it trust
}{
	{"Node's own binary", []string{"usr/local/bin/node", "opt/*/bin/node"}, false, "reads the Mozilla roots built into it: set NODE_EXTRA_CA_CERTS to a file with the root, or NODE_USE_SYSTEM_CA=1 from 22.15 on"},
	{"Deno", []string{"usr/bin/deno", "usr/local/bin/deno", "bin/deno"}, false, "reads the Mozilla roots built into it: set DENO_TLS_CA_STORE=mozilla,system"},
	{"Python's certifi (requests, botocore)", []string{
		"usr/lib/python3*/site-packages/certifi/cacert.pem", "usr/local/lib/python3*/site-packages/certifi/cacert.pem",
		"opt/*/lib/python3*/site-packages/certifi/cacert.pem", "venv/lib/python3*/site-packages/certifi/cacert.pem", "app/.venv/lib/python3*/site-packages/certifi/cacert.pem",
	}, true, "does not hold it: set REQUESTS_CA_BUNDLE and AWS_CA_BUNDLE to the system's bundle"},
	{"Java", []string{"etc/ssl/certs/java/cacerts", "etc/pki/java/cacerts", "opt/java/*/lib/security/cacerts", "usr/lib/jvm/*/lib/security/cacerts"}, false, "reads a trust store of its own, which is not judged here"},
}

// runtimeCaveats names the runtimes in a root that do not go by its stores.
func runtimeCaveats(root rootFS, anchor probe.Certificate) []string {
	fingerprint, err := certs.ParseFingerprint(anchor.Fingerprint)
	if err != nil {
		return nil
	}
	var out []string
	for _, r := range ownTrust {
		name := firstMatch(root, r.globs)
		switch {
		case name == "":
		case r.bundle && holdsCertificate(root, name, fingerprint):
		case !r.bundle && strings.Contains(r.do, "Mozilla") && isMozilla(fingerprint):
		default:
			out = append(out, fmt.Sprintf("%s (/%s) %s", r.runtime, name, r.do))
		}
	}
	return out
}

func firstMatch(root fs.FS, globs []string) string {
	for _, pattern := range globs {
		names, _ := fs.Glob(root, pattern) // what cannot be read is not found
		if len(names) > 0 {
			return names[0]
		}
	}
	return ""
}

func holdsCertificate(root fs.FS, name string, f certs.Fingerprint) bool {
	data, err := fs.ReadFile(root, name)
	if err != nil {
		return false
	}
	for c, err := range certs.Parse(data) {
		if c != nil && err == nil && c.Fingerprint() == f {
			return true
		}
	}
	return false
}

func isMozilla(f certs.Fingerprint) bool {
	roots, _ := certs.MozillaRoots()
	return roots.Has(f)
}
