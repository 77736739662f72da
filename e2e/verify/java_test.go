//go:build e2e

package verify

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// TestVerifyJava judges by a trust store that keytool made, as Java does.
func TestVerifyJava(t *testing.T) {
	corp, other := rig.NewAuthority(t, "Corp Root"), rig.NewAuthority(t, "Some Other Root")
	port := rig.TLSServer(t, corp)
	dir := t.TempDir()
	client := rig.Write(t, filepath.Join(dir, "Client.java"), `public class Client {
	public static void main(String[] args) throws Exception {
		System.out.print(new String(java.net.URI.create(args[0]).toURL().openStream().readAllBytes()));
	}
}
`)
	for _, kind := range []string{"JKS", "PKCS12"} {
		for _, x := range []struct {
			a      rig.Authority
			status int
			cause  string
		}{{corp, 0, ""}, {other, 5, "unknown-issuer"}} {
			store := filepath.Join(dir, fmt.Sprint(kind, x.status))
			rig.Run(t, "keytool", "-importcert", "-noprompt", "-storetype", kind, "-storepass", "secret1", "-keystore", store, "-alias", "ca", "-file", x.a.CAFile)
			password := rig.Write(t, filepath.Join(dir, "password"), "secret1\n")
			v := verify(t, x.status, "--java", store, "--java-password-file", password, "-4", fmt.Sprintf("localhost:%d", port))
			if v.Verdict.Cause != x.cause || x.status == 0 && !strings.Contains(v.step("trust"), store) {
				t.Errorf("%s: %+v %s", kind, v.Verdict, v.step("trust"))
			}
			out, err := rig.Try(t, "java", "-Djavax.net.ssl.trustStore="+store, "-Djavax.net.ssl.trustStorePassword=secret1", client, fmt.Sprintf("https://localhost:%d/", port))
			if (err == nil) != (x.status == 0) || err != nil && !strings.Contains(out, "PKIX path building failed") {
				t.Errorf("%s: Java: %v, and certgraft ends with status %d\n%s", kind, err, x.status, out)
			}
		}
	}
}
