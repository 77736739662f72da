package keystore_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/keystore"
)

func recorded(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Every certificate of a store is found, marked as trusted or not. A store with
// a key gives none.
func TestCertificates(t *testing.T) {
	for name, want := range map[string]struct {
		passwords []string
		n         int
		err       error
	}{
		"nokeys.p12":               {nil, 2, nil},
		"nokeys-plain.p12":         {nil, 2, nil},
		"nokeys-changeit.p12":      {[]string{"", "changeit"}, 2, nil},
		"nokeys-legacy-secret.p12": {[]string{"changeit", "secret"}, 2, nil},
		"key-secret.p12":           {[]string{"secret"}, 0, certs.ErrPrivateKey},
		"key-secret.jks":           {[]string{"secret1"}, 0, certs.ErrPrivateKey},
		"secret.jks":               {[]string{"secret1"}, 1, nil},
	} {
		data := recorded(t, name)
		found, err := keystore.Certificates(data, want.passwords...)
		if len(found) != want.n || !errors.Is(err, want.err) || !keystore.Looks(data) {
			t.Errorf("%s: %d certificates, %v", name, len(found), err)
		}
	}
	for name, data := range foreign(t, cert(t, "A")) {
		if found, err := keystore.Certificates(data, keystore.DefaultPassword); err != nil || len(found) != 1 || !keystore.Looks(data) {
			t.Errorf("%s: %d certificates, %v", name, len(found), err)
		}
	}
}

// Without the password a store is refused. A key in it is still named.
func TestCertificatesWithoutThePassword(t *testing.T) {
	for name, want := range map[string]error{
		"nokeys-legacy-secret.p12": keystore.ErrPassword, "secret.jks": keystore.ErrPassword,
		"key-secret.p12": certs.ErrPrivateKey, "key-secret.jks": certs.ErrPrivateKey,
	} {
		found, err := keystore.Certificates(recorded(t, name), "wrong")
		if len(found) > 0 || !errors.Is(err, want) {
			t.Errorf("%s: %d certificates, %v, want %v", name, len(found), err, want)
		}
	}
	damaged := recorded(t, "secret.jks")
	damaged[60] ^= 1
	if _, err := keystore.Certificates(damaged, "secret1"); !errors.Is(err, keystore.ErrPassword) {
		t.Error(err)
	}
}

func TestLooks(t *testing.T) {
	c := cert(t, "A")
	for _, data := range [][]byte{c.Raw, c.Raw[4:], []byte("-----BEGIN"), nil, {0x30}, {0x30, 0x80}} {
		if keystore.Looks(data) {
			t.Errorf("%x… is none", data[:min(len(data), 8)])
		}
	}
}

func FuzzCertificates(f *testing.F) {
	names, err := filepath.Glob("testdata/*.[pj]*")
	if err != nil || len(names) < 7 {
		f.Fatal(names, err)
	}
	for _, name := range names {
		f.Add(recorded(f, filepath.Base(name)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := keystore.Certificates(data, "", "secret")
		if (err == nil) != (len(found) > 0) {
			t.Errorf("%d certificates, %v", len(found), err)
		}
		if err == nil && !keystore.Looks(data) {
			t.Error("it does not look like the keystore that it is")
		}
	})
}
