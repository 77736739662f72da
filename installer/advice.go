package installer

import (
	"fmt"
)

// keystorePaths are the trust stores of Java runtimes that distributions make.
var keystorePaths = []string{
	"etc/ssl/certs/java/cacerts",              // Debian, Alpine, Wolfi, Arch, distroless
	"etc/pki/ca-trust/extracted/java/cacerts", // Fedora, RHEL
	"etc/pki/java/cacerts",                    // the link to it
	"var/lib/ca-certificates/java-cacerts",    // SUSE
}

// notYet names the stores that are there and that this version does not edit.
func (e *edit) notYet() []string {
	var found []string
	seen := map[string]bool{}
	for _, name := range keystorePaths {
		real, err := e.root.Resolve(name)
		if err != nil || seen[real] || !leadsToFile(e.root, real) {
			continue
		}
		seen[real] = true
		found = append(found, fmt.Sprintf("/%s is a Java trust store, which is not edited yet", real))
	}
	return found
}

// advise names what in the root still would not trust what was installed.
func (e *edit) advise() {
	for _, name := range e.notYet() {
		e.warn("%s: import the certificates with keytool -importcert", name)
	}
}
