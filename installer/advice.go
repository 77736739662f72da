package installer

import "fmt"

// keystorePaths are the trust stores of Java runtimes that distributions make.
var keystorePaths = []string{
	"etc/ssl/certs/java/cacerts",              // Debian, Alpine, Wolfi, Arch, distroless
	"etc/pki/ca-trust/extracted/java/cacerts", // Fedora, RHEL
	"etc/pki/java/cacerts",                    // the link to it
	"var/lib/ca-certificates/java-cacerts",    // SUSE
}

// keystores returns the Java trust stores of the root, which this version does
// not edit yet, each real file once.
func (e *edit) keystores() []string {
	var found []string
	seen := map[string]bool{}
	for _, name := range keystorePaths {
		real, err := e.root.Resolve(name)
		if err != nil || seen[real] || !leadsToFile(e.root, real) {
			continue
		}
		seen[real] = true
		found = append(found, real)
	}
	return found
}

// advise names what in the root does not trust what was installed.
func (e *edit) advise() {
	for _, name := range e.keystores() {
		e.report.Advice = append(e.report.Advice, Advice{
			Runtime: "Java", Path: "/" + name,
			Do: fmt.Sprintf("this trust store is not edited yet: keytool -importcert -noprompt -storepass changeit -keystore /%s -file FILE, for each certificate", name),
		})
	}
	e.tellHooks()
}
