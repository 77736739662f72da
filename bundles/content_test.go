package bundles

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/keystore"
)

// A keystore is a source like other files: without a password, with a usual
// one, with its own. A keystore with a key or an unreadable one is refused.
func TestS5Keystores(t *testing.T) {
	dir := "../keystore/testdata/"
	for name, n := range map[string]int{"nokeys.p12": 2, "nokeys-plain.p12": 2, "nokeys-changeit.p12": 2} {
		loaded, err := Load(t.Context(), Options{}, dir+name)
		if err != nil || loaded[0].Certs.Len() != n {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, password := range map[string]string{"nokeys-legacy-secret.p12": "secret", "secret.jks": "secret1"} {
		loaded, err := Load(t.Context(), Options{Password: password}, dir+name)
		if err != nil || loaded[0].Certs.Len() == 0 {
			t.Errorf("%s: %v", name, err)
		}
		_, err = Load(t.Context(), Options{}, dir+name)
		says(t, err, ErrRefused, name+": the password is wrong, or the file is damaged")
		if !errors.Is(err, keystore.ErrPassword) || hintOf(err) != "give its password with --source-password-file FILE" {
			t.Errorf("%s: %v\n%s", name, err, hintOf(err))
		}
	}
	for _, name := range []string{"key-secret.p12", "key-secret.jks"} {
		for _, password := range []string{"", "secret", "secret1"} {
			_, err := Load(t.Context(), Options{Password: password}, dir+name)
			says(t, err, ErrRefused, name+": it holds a private key")
			if !errors.Is(err, certs.ErrPrivateKey) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	data, err := os.ReadFile(dir + "secret.jks")
	if err != nil {
		t.Fatal(err)
	}
	damaged := write(t, filepath.Join(t.TempDir(), "damaged.jks"), string(data[:len(data)-3]))
	_, err = Load(t.Context(), Options{Password: "secret1"}, damaged)
	says(t, err, ErrRefused, "damaged.jks: the password is wrong, or the file is damaged")
	jceks := write(t, filepath.Join(t.TempDir(), "x.jks"), "\xce\xce\xce\xce\x00\x00")
	_, err = Load(t.Context(), Options{}, jceks)
	says(t, err, ErrRefused, "a JCEKS store")
}

// The hint for a key in an object of Kubernetes has the path of the file, in a
// directory too.
func TestS7AdviceNamesTheFile(t *testing.T) {
	dir := t.TempDir()
	text := "apiVersion: v1\nkind: Config\nusers:\n- user:\n    client-key-data: bm90IGEga2V5\n"
	file := write(t, filepath.Join(dir, "below/config"), text)
	for _, spec := range []string{file, dir} {
		_, err := Load(t.Context(), Options{}, spec)
		says(t, err, ErrRefused, "line 5: it holds a private key")
		if want := "kubectl config view --raw --kubeconfig " + file + " -o "; !strings.Contains(hintOf(err), want) {
			t.Errorf("%s: %s", spec, hintOf(err))
		}
	}
}
