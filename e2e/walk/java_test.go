//go:build e2e

package walk

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var (
	javaJKS = javaKind("java-jks", "-storetype", "JKS")
	javaP12 = javaKind("java-p12", "-storetype", "PKCS12")
)

const cacerts = "opt/java/openjdk/lib/security/cacerts"

// javaKind is a root with a Java runtime that is no package, whose trust store the
// real keytool makes and edits.
func javaKind(name string, options ...string) *kind {
	return &kind{
		name: name, suite: "bookworm", bundle: "bundle", view: viewJava, brings: []string{"m1", "m2", "m3"}, generated: []string{toolsBundle, cacerts},
		lay: func(t *testing.T, root string) {
			layBundleOnly(t, root)
			must(os.MkdirAll(filepath.Dir(filepath.Join(root, cacerts)), 0o755))
			must(os.WriteFile(filepath.Join(filepath.Dir(filepath.Join(root, cacerts)), "../../release"), []byte("JAVA_VERSION=\"21.0.5\"\n"), 0o644))
			for name, c := range pool(t, "bookworm") {
				if _, ok := theirs[name]; ok {
					must(keytool(root, c.pem, append([]string{"-importcert", "-noprompt", "-alias", "base " + name}, options...)...))
				}
			}
		},
		verbs: merged(bundleVerbs(toolsBundle), map[string]verb{
			"import": {allOf, func(w *world, root, name string) error {
				_ = keytool(root, "", "-delete", "-alias", "hand "+name) // or it is not there
				return keytool(root, w.pool[name].pem, "-importcert", "-noprompt", "-alias", "hand "+name)
			}},
			"delete": {allOf, func(_ *world, root, name string) error {
				_ = keytool(root, "", "-delete", "-alias", "hand "+name)
				return nil
			}},
			"restore-java": {nothing, func(w *world, root, _ string) error {
				data, err := os.ReadFile(filepath.Join(w.base, cacerts))
				must(err)
				return os.WriteFile(filepath.Join(root, cacerts), data, 0o644)
			}},
		}),
		atEnd: javaAtEnd,
	}
}

// keytool edits the trust store of a root; it takes a certificate from its input.
func keytool(root, input string, args ...string) error {
	cmd := exec.Command("keytool", append(args, "-storepass", "changeit", "-keystore", filepath.Join(root, cacerts))...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("keytool %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

func viewJava(root string) (map[string]trusted, error) {
	entries, err := javaEntries(filepath.Join(root, cacerts))
	return map[string]trusted{"bundle": held(filepath.Join(root, toolsBundle)), "java": entries}, err
}

// javaAtEnd has keytool itself read what is left.
func javaAtEnd(w *world) *failure {
	read, err := exec.Command("keytool", "-list", "-rfc", "-storepass", "changeit", "-keystore", filepath.Join(w.real.tree(), cacerts)).Output()
	must(err)
	found := trusted{}
	for i, entry := range strings.Split(string(read), "Alias name: ") {
		for _, b := range blocks([]byte(entry)) {
			alias, _, _ := strings.Cut(entry, "\n")
			found[alias+" "+printOf(b.der)] = i > 0
		}
	}
	entries, err := javaEntries(filepath.Join(w.real.tree(), cacerts))
	must(err)
	if !maps.Equal(entries, found) {
		return w.fail("keytool", "keytool reads %q, and the store holds %q", slices.Sorted(maps.Keys(found)), slices.Sorted(maps.Keys(entries)))
	}
	return nil
}
