package readers

import (
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/keystore"
	"github.com/certgraft/certgraft/rootfs"
)

// A trust store in an option replaces the runtime's own. The last variable
// decides. With a missing store, or a wrong password, the runtime trusts no CA.
func TestJavaOptions(t *testing.T) {
	named := roottest.NewCA(t, "Named")
	sealed := encoded(t, keystore.NewPKCS12("secret"), named)
	root := fstest.MapFS{
		"usr/lib/jvm/java-21/lib/security/cacerts": {Data: encoded(t, keystore.NewJKS(keystore.DefaultPassword), roottest.NewCA(t, "Own"), roottest.NewCA(t, "Other"))},
		"srv/trust.jks": {Data: encoded(t, keystore.NewJKS(keystore.DefaultPassword), named)}, "srv/trust.p12": {Data: sealed},
	}
	const option = "-Djavax.net.ssl.trustStore="
	for _, c := range []struct {
		environ      map[string]string
		held, damage int
	}{
		{nil, 2, 0},
		{map[string]string{"JAVA_TOOL_OPTIONS": "-Xmx1g"}, 2, 0},
		{map[string]string{"JAVA_TOOL_OPTIONS": option + "/srv/trust.jks"}, 1, 0},
		{map[string]string{"JAVA_TOOL_OPTIONS": option + "/srv/trust.jks", "_JAVA_OPTIONS": option + "/srv/none.jks"}, 0, 1},
		{map[string]string{"JDK_JAVA_OPTIONS": option + "/srv/trust.p12 -Djavax.net.ssl.trustStorePassword=other"}, 0, 1},
		{map[string]string{"JDK_JAVA_OPTIONS": option + "/srv/trust.p12 -Djavax.net.ssl.trustStorePassword=secret"}, 1, 0},
	} {
		set, damage := instance(t, rootfs.NewOverlay(root), c.environ, "java", "21").Load()
		if set.Len() != c.held || len(damage) != c.damage {
			t.Errorf("%v: %d certificates and the damage %v, want %d and %d", c.environ, set.Len(), damage, c.held, c.damage)
		}
	}
}

func encoded(t *testing.T, store keystore.Store, all ...*roottest.CA) []byte {
	t.Helper()
	for _, ca := range all {
		c, err := certs.ParseVetted(ca.DER)
		if err == nil {
			err = store.Add(keystore.Entry{Alias: c.Name(), Cert: c})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	data, err := store.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}
