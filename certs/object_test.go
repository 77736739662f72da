package certs_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/roottest"
)

func namesIn(t *testing.T, text string) string {
	t.Helper()
	found, _, err := certs.ParseAll([]byte(text))
	if err != nil {
		return err.Error()
	}
	var names []string
	for _, c := range found {
		names = append(names, c.X509().Subject.CommonName)
	}
	return strings.Join(names, " ")
}

// CAs in Kubernetes objects are read in all common forms: base64 in a Secret
// and a kubeconfig file, blocks of text, YAML and JSON.
func TestS7KubernetesYAML(t *testing.T) {
	a, b, client := roottest.NewCA(t, "A"), roottest.NewCA(t, "B"), roottest.NewCA(t, "client", roottest.Leaf)
	base := func(pem string) string { return base64.StdEncoding.EncodeToString([]byte(pem)) }
	block := func(pem, indent string) string {
		return "|\n" + indent + strings.ReplaceAll(strings.TrimSpace(pem), "\n", "\n"+indent) + "\n"
	}
	for name, test := range map[string]struct{ text, want string }{
		"Secret":              {"apiVersion: v1\nkind: Secret\nmetadata:\n  name: ca\ndata:\n  password: c2VjcmV0\n  ca.crt: " + base(a.PEM()) + "\n  tls.crt: " + base(b.PEM()) + "\n", "A B"},
		"stringData":          {"apiVersion: v1\nkind: Secret\nstringData:\n  ca.crt: " + block(a.PEM(), "    ") + "data:\n  other.pem: " + base(b.PEM()) + "\n", "A B"},
		"quoted":              {"apiVersion: v1\nkind: ConfigMap\ndata:\n  ca.crt: \"" + strings.ReplaceAll(a.PEM(), "\n", `\n`) + "\"\n  b: '" + strings.ReplaceAll(b.PEM(), "\n", "\n\n    ") + "'\n", "A B"},
		"folded":              {"apiVersion: v1\ndata:\n  ca.crt: >\n    " + base(a.PEM())[:80] + "\n    " + base(a.PEM())[80:] + "\n", "A"},
		"kubeconfig":          {"apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: " + base(a.PEM()) + "\n    server: https://a:6443\n  name: a\n- cluster:\n    certificate-authority-data: " + base(b.PEM()) + "\n  name: b\nkind: Config\nusers:\n- name: u\n  user:\n    client-certificate-data: " + base(client.PEM()) + "\n    exec: {command: aws}\n", "A B"},
		"kubeconfig in JSON":  {`{"apiVersion":"v1","kind":"Config","clusters":[{"cluster":{"certificate-authority-data":"` + base(a.PEM()) + `"}}],"users":[{"user":{"client-certificate-data":"` + base(client.PEM()) + `"}}]}`, "A"},
		"webhook":             {"---\napiVersion: admissionregistration.k8s.io/v1\nwebhooks:\n  - clientConfig:\n      caBundle: " + base(a.PEM()) + "\n---\napiVersion: certificates.k8s.io/v1alpha1\nspec:\n  trustBundle: " + block(b.PEM(), "    "), "A B"},
		"list":                {"apiVersion: v1\nitems:\n- apiVersion: v1\n  data:\n    ca.crt: " + base(a.PEM()) + "\n  kind: Secret\nkind: List\n", "A"},
		"elsewhere":           {"apiVersion: example.com/v1\nspec:\n  tls:\n    ca: " + block(a.PEM(), "      "), "A"},
		"PEM in odd YAML":     {"apiVersion: v1\nx: &x 1\ndata:\n  ca.crt: " + block(a.PEM(), "    "), "A"},
		"nothing":             {"apiVersion: v1\nkind: Secret\ndata:\n  a: c2VjcmV0\n", "no certificate: the content is not one that certificates come in"},
		"anchors and aliases": {"apiVersion: v1\na: &a [x,x]\nb: &b [*a,*a]\ndata:\n  ca.crt: " + base(a.PEM()) + "\n", "no certificate: it is YAML that is not read: line 2: anchors and aliases are not read"},
	} {
		if got := namesIn(t, test.text); got != test.want {
			t.Errorf("%s: %q, want %q\n%s", name, got, test.want, test.text)
		}
	}
}

// A private key refuses the whole input. The command that extracts only the CA
// names the field with the CA.
func TestS7KubernetesKeys(t *testing.T) {
	ca := roottest.NewCA(t, "A")
	base := func(pem string) string { return base64.StdEncoding.EncodeToString([]byte(pem)) }
	key := ca.KeyPEM(t)
	for name, test := range map[string]struct{ text, want string }{
		"Secret": {"apiVersion: v1\nkind: Secret\nmetadata:\n  name: web-tls\n  namespace: prod\ndata:\n  ca.crt: " + base(ca.PEM()) + "\n  tls.crt: " + base(ca.PEM()) + "\n  tls.key: " + base(key) + "\n",
			`kubectl get secret web-tls -n prod -o jsonpath='{.data.ca\.crt}' | base64 -d >ca.pem`},
		"without a CA": {"apiVersion: v1\nkind: Secret\nmetadata:\n  name: web-tls\ndata:\n  tls.key: " + base(key) + "\n", ""},
		"stringData": {"apiVersion: v1\nkind: Secret\nmetadata:\n  name: x; rm -rf\nstringData:\n  tls.crt: x\n  tls.key: |\n    " + strings.ReplaceAll(key, "\n", "\n    ") + "\n",
			`kubectl get secret NAME -o jsonpath='{.data.tls\.crt}' | base64 -d >ca.pem`},
		"kubeconfig": {"apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n    certificate-authority-data: " + base(ca.PEM()) + "\nusers:\n- user:\n    client-key-data: bm90IGEga2V5\n",
			`kubectl config view --raw --kubeconfig 'my config' -o jsonpath='{.clusters[0].cluster.certificate-authority-data}' | base64 -d >ca.pem`},
		"JSON": {fmt.Sprintf(`{"apiVersion":"v1","kind":"Secret","data":{"ca.crt":%q,"tls.key":%q}}`, base(ca.PEM()), base(key)),
			`jq -r '.data["ca.crt"]' 'my config' | base64 -d >ca.pem`},
	} {
		found, _, err := certs.ParseAll([]byte(test.text))
		if len(found) > 0 || !errors.Is(err, certs.ErrPrivateKey) {
			t.Errorf("%s: %d certificates, %v", name, len(found), err)
		}
		in, ok := errors.AsType[*certs.KeyInObject](err)
		if !ok {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := in.Extract("my config"); got != test.want {
			t.Errorf("%s: %s\nwant %s", name, got, test.want)
		}
	}
}
