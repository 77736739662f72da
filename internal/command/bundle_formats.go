package command

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/command/words"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/keystore"
)

// formatOptions are the flags that only some formats take.
type formatOptions struct {
	name         string // of the ConfigMap
	passwordFile string // of the trust store
}

// bundleForm is a format: one file, or one file for each certificate. The same
// certificates give the same bytes.
type bundleForm struct {
	whole func(context.Context, formatOptions, *certs.Set) ([]byte, error)
	each  func(*certs.Certificate) []byte
	ext   string // of each file
}

var bundleForms = choices[bundleForm]{
	{"pem", bundleForm{whole: func(_ context.Context, _ formatOptions, set *certs.Set) ([]byte, error) {
		return set.AppendPEM(nil), nil
	}}},
	{"split", bundleForm{each: func(c *certs.Certificate) []byte { return c.AppendPEM(nil) }, ext: ".crt"}},
	{"der", bundleForm{each: func(c *certs.Certificate) []byte { return c.Raw }, ext: ".der"}},
	{"jks", bundleForm{whole: jks}},
	{"p12", bundleForm{whole: pkcs12}},
	{"configmap", bundleForm{whole: configMap}},
}

// isStore reports whether a format is a trust store of Java.
func isStore(format string) bool { return format == "jks" || format == "p12" }

// check refuses flags that this format does not take.
func (f formatOptions) check(format string) error {
	switch {
	case f.name != "" && format != "configmap":
		return usagef("--name is for --format configmap")
	case f.passwordFile != "" && !isStore(format):
		return usagef("--password-file is for --format jks and p12")
	case f.name != "" && !isObjectName(f.name):
		return hint.Add(usagef("--name %s: this is not a valid name of a Kubernetes object", f.name), "lower-case letters, digits, - and . as in RFC 1123, at most 253, a letter or digit at both ends")
	}
	return nil
}

// leftOut warns of the certificates that the format cannot hold.
func leftOut(format string, set *certs.Set) (warnings []string) {
	if !isStore(format) {
		return nil
	}
	for c := range set.All() {
		if c.EmptySubject() {
			warnings = append(warnings, fmt.Sprintf("the certificate %s… has no subject, which Java cannot read: it was left out", c.Fingerprint().String()[:16]))
		}
	}
	return warnings
}

// jks returns a trust store that every Java reads. It always has a password.
func jks(ctx context.Context, f formatOptions, set *certs.Set) ([]byte, error) {
	password, err := readPassword(ctx, f.passwordFile)
	if err != nil {
		return nil, err
	}
	if password == "" {
		password = keystore.DefaultPassword
	}
	return trustStore(keystore.NewJKS(password), set)
}

// pkcs12 returns a trust store for Java from 8u301 and 11.0.12 on, and for other
// programs that read PKCS#12.
func pkcs12(ctx context.Context, f formatOptions, set *certs.Set) ([]byte, error) {
	password, err := readPassword(ctx, f.passwordFile)
	if err != nil {
		return nil, err
	}
	return trustStore(keystore.NewPKCS12(password), set)
}

// trustStore returns store with the certificates of set, named as anchors are. An
// entry has the date of its certificate, so that the same set gives the same
// bytes.
func trustStore(store keystore.Store, set *certs.Set) ([]byte, error) {
	for c := range set.All() {
		if c.EmptySubject() {
			continue // Java loses the whole store over such a certificate
		}
		alias := strings.TrimSuffix(certs.FileName(anchorSource(set, c), c, 16), ".crt")
		if err := store.Add(keystore.Entry{Alias: alias, Created: c.NotBefore(), Cert: c}); err != nil {
			return nil, fmt.Errorf("make a Java trust store: %w", err)
		}
	}
	return store.Encode()
}

// The default names in a ConfigMap, and the size limit of one:
// https://kubernetes.io/docs/concepts/configuration/configmap/.
const (
	configMapName = "certgraft-ca"
	configMapKey  = "ca-certificates.crt"
	configMapMost = 1 << 20
)

// configMap returns a manifest. The name is quoted, because YAML reads 1e5 as a
// number.
func configMap(_ context.Context, f formatOptions, set *certs.Set) ([]byte, error) {
	pem := set.AppendPEM(nil)
	if len(pem) > configMapMost {
		return nil, hint.Add(refusedf("a ConfigMap holds 1 MiB, and these %s are %d bytes", words.Plural(set.Len(), "certificate"), len(pem)), "name fewer sources, or a region of one")
	}
	name := f.name
	if name == "" {
		name = configMapName
	}
	out := fmt.Appendf(nil, `apiVersion: v1
kind: ConfigMap
metadata:
  name: %q
  labels:
    app.kubernetes.io/managed-by: certgraft
data:
  %s: |
`, name, configMapKey)
	for line := range strings.Lines(string(pem)) {
		out = append(append(out, "    "...), line...)
	}
	return out, nil
}

// isObjectName reports whether name is a DNS subdomain of RFC 1123, as the names
// of Kubernetes objects are.
func isObjectName(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return len(name) <= 253
}

// writeEach writes one file for each certificate, named as anchors are.
func writeEach(dir string, set *certs.Set, form bundleForm) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the output directory: %w", err)
	}
	for c := range set.All() {
		name := certs.FileName(anchorSource(set, c), c, 16)
		name = name[:len(name)-len(filepath.Ext(name))] + form.ext
		if err := replaceFile(filepath.Join(dir, name), form.each(c)); err != nil {
			return err
		}
	}
	return nil
}

func anchorSource(set *certs.Set, c *certs.Certificate) string {
	if sources := set.Sources(c.Fingerprint()); len(sources) > 0 {
		return sources[0]
	}
	return "bundle"
}
