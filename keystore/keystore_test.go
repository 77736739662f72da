package keystore_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	gojks "github.com/pavlo-v-chernykh/keystore-go/v4"
	sslmate "software.sslmate.com/src/go-pkcs12"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/keystore"
)

var created = time.UnixMilli(1700000000000)

func cert(t testing.TB, name string) *certs.Certificate {
	t.Helper()
	c, err := certs.ParseCertificate(roottest.NewCA(t, name).DER)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// foreign is a store from a library, in each format that Java reads.
func foreign(t testing.TB, c *certs.Certificate) map[string][]byte {
	t.Helper()
	files := map[string][]byte{"JKS": jksOf(t, c)}
	for name, encoder := range map[string]*sslmate.Encoder{
		"legacy RC2": sslmate.LegacyRC2, "legacy DES": sslmate.LegacyDES, "modern": sslmate.Modern2023,
		"modern of 2026": sslmate.Modern2026, "without password": sslmate.Passwordless,
	} {
		password := keystore.DefaultPassword
		if encoder == sslmate.Passwordless {
			password = ""
		}
		x, err := x509.ParseCertificate(c.Raw)
		if err != nil {
			t.Fatal(err)
		}
		if files[name], err = encoder.EncodeTrustStoreEntries([]sslmate.TrustStoreEntry{{Cert: x, FriendlyName: "theirs"}}, password); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func jksOf(t testing.TB, c *certs.Certificate) []byte {
	t.Helper()
	ks := gojks.New()
	entry := gojks.TrustedCertificateEntry{CreationTime: created, Certificate: gojks.Certificate{Type: "X.509", Content: c.Raw}}
	if err := ks.SetTrustedCertificateEntry("theirs", entry); err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := ks.Store(&buf, []byte(keystore.DefaultPassword)); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// read returns the certificates that a library finds in a store.
func read(t testing.TB, name string, data []byte) []string {
	t.Helper()
	var found []string
	if name == "JKS" {
		ks := gojks.New()
		if err := ks.Load(bytes.NewReader(data), []byte(keystore.DefaultPassword)); err != nil {
			t.Fatal(err)
		}
		for _, alias := range ks.Aliases() {
			e, err := ks.GetTrustedCertificateEntry(alias)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, string(e.Certificate.Content))
		}
	} else {
		password := keystore.DefaultPassword
		if name == "without password" {
			password = ""
		}
		list, err := sslmate.DecodeTrustStore(data, password)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range list {
			found = append(found, string(x.Raw))
		}
	}
	slices.Sort(found)
	return found
}

func open(t testing.TB, data []byte) keystore.Store {
	t.Helper()
	s, err := keystore.Open(data, keystore.DefaultPassword)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func encode(t testing.TB, s keystore.Store) []byte {
	t.Helper()
	data, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func add(t testing.TB, s keystore.Store, alias string, c *certs.Certificate) {
	t.Helper()
	if err := s.Add(keystore.Entry{Alias: alias, Created: created, Cert: c}); err != nil {
		t.Fatal(err)
	}
}

func TestUntouchedStoreKeepsItsBytes(t *testing.T) {
	for name, data := range foreign(t, cert(t, "Theirs")) {
		if got := encode(t, open(t, data)); !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes became %d other ones", name, len(data), len(got))
		}
	}
}

func TestAddAndRemove(t *testing.T) {
	theirs, ours := cert(t, "Theirs"), cert(t, "Ours")
	want := []string{string(theirs.Raw), string(ours.Raw)}
	slices.Sort(want)
	for name, data := range foreign(t, theirs) {
		t.Run(name, func(t *testing.T) {
			s := open(t, data)
			add(t, s, "Ours", ours)
			edited := encode(t, s)
			if name != "legacy RC2" { // its new entries are in another safe, which this library does not read
				if got := read(t, name, edited); !slices.Equal(got, want) {
					t.Errorf("a library finds %d certificates, want both", len(got))
				}
			}
			again := open(t, edited)
			if n := len(again.Entries()); n != 2 {
				t.Fatalf("%d entries, want 2", n)
			}
			if alias := again.Entries()[1].Alias; alias != "ours" {
				t.Errorf("alias %q: Java looks for it in lower case", alias)
			}
			if err := again.Remove(func(e keystore.Entry) bool { return e.Cert.Fingerprint() == ours.Fingerprint() }); err != nil {
				t.Fatal(err)
			}
			if got := encode(t, again); !bytes.Equal(got, data) {
				t.Error("taking it out again does not restore the file")
			}
		})
	}
}

func TestSameEditSameBytes(t *testing.T) {
	theirs, ours := cert(t, "Theirs"), cert(t, "Ours")
	for name, data := range foreign(t, theirs) {
		var files [2][]byte
		for i := range files {
			s := open(t, data)
			add(t, s, "ours", ours)
			files[i] = encode(t, s)
		}
		if !bytes.Equal(files[0], files[1]) {
			t.Errorf("%s: the same edit gave other bytes", name)
		}
	}
}

func TestAliasIsTakenOnce(t *testing.T) {
	theirs, ours := cert(t, "Theirs"), cert(t, "Ours")
	for name, data := range foreign(t, theirs) {
		if name == "legacy RC2" {
			continue // its aliases are not read
		}
		s := open(t, data)
		add(t, s, "THEIRS", ours)
		if e := s.Entries()[1]; e.Alias != "theirs-1" {
			t.Errorf("%s: alias %q, want theirs-1", name, e.Alias)
		}
	}
}

// Libraries read a new store, with or without the password. It has the same
// bytes each time.
func TestNewStores(t *testing.T) {
	ours, more := cert(t, "Ours"), cert(t, "More")
	for name, fresh := range map[string]func() keystore.Store{
		"JKS":              func() keystore.Store { return keystore.NewJKS(keystore.DefaultPassword) },
		"modern":           func() keystore.Store { return keystore.NewPKCS12(keystore.DefaultPassword) },
		"without password": func() keystore.Store { return keystore.NewPKCS12("") },
	} {
		var files [2][]byte
		for i := range files {
			s := fresh()
			add(t, s, "Ours", ours)
			add(t, s, "ours", more)
			files[i] = encode(t, s)
		}
		if !bytes.Equal(files[0], files[1]) {
			t.Errorf("%s: two stores of the same certificates differ", name)
		}
		want := []string{string(ours.Raw), string(more.Raw)}
		slices.Sort(want)
		if got := read(t, name, files[0]); !slices.Equal(got, want) {
			t.Errorf("%s: a library reads %d certificates", name, len(got))
		}
		entries := open(t, files[0]).Entries()
		if len(entries) != 2 || entries[0].Alias != "ours" || entries[1].Alias != "ours-1" {
			t.Errorf("%s: %+v", name, entries)
		}
		if _, err := keystore.Open(files[0], "wrong"); name != "without password" && !errors.Is(err, keystore.ErrPassword) {
			t.Errorf("%s: another password: %v", name, err)
		}
	}
}

func TestKeysAreCarriedAlong(t *testing.T) {
	ours := cert(t, "Ours")
	ks := gojks.New()
	key := gojks.PrivateKeyEntry{CreationTime: created, PrivateKey: []byte("sealed"), CertificateChain: []gojks.Certificate{{Type: "X.509", Content: ours.Raw}}}
	if err := ks.SetPrivateKeyEntry("key", key, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := ks.Store(&buf, []byte(keystore.DefaultPassword)); err != nil {
		t.Fatal(err)
	}
	s := open(t, buf.Bytes())
	if n := len(s.Entries()); n != 0 {
		t.Fatalf("%d trusted certificates in a store of one key", n)
	}
	add(t, s, "ours", ours)
	after := gojks.New()
	if err := after.Load(bytes.NewReader(encode(t, s)), []byte(keystore.DefaultPassword)); err != nil {
		t.Fatal(err)
	}
	if !after.IsPrivateKeyEntry("key") || !after.IsTrustedCertificateEntry("ours") {
		t.Errorf("aliases %v, want the key and ours", after.Aliases())
	}
}

func TestOpenRefuses(t *testing.T) {
	files := foreign(t, cert(t, "Theirs"))
	damaged := func(name string) []byte {
		data := bytes.Clone(files[name])
		data[len(data)/2] ^= 1
		return data
	}
	for name, tc := range map[string]struct {
		data      []byte
		passwords []string
		want      error
	}{
		"an empty file":               {nil, []string{keystore.DefaultPassword}, keystore.ErrFormat},
		"text":                        {[]byte("-----BEGIN CERTIFICATE-----"), []string{keystore.DefaultPassword}, keystore.ErrFormat},
		"a certificate":               {cert(t, "Ours").Raw, []string{keystore.DefaultPassword}, keystore.ErrFormat},
		"JKS, wrong password":         {files["JKS"], []string{"other"}, keystore.ErrPassword},
		"JKS, no password":            {files["JKS"], nil, keystore.ErrPassword},
		"JKS, damaged":                {damaged("JKS"), []string{keystore.DefaultPassword}, keystore.ErrPassword},
		"JKS, truncated":              {files["JKS"][:20], []string{keystore.DefaultPassword}, keystore.ErrPassword},
		"PKCS#12, wrong password":     {files["modern"], []string{"other"}, keystore.ErrPassword},
		"PKCS#12, damaged":            {damaged("modern"), []string{keystore.DefaultPassword}, keystore.ErrPassword},
		"PKCS#12, ten bytes":          {files["modern of 2026"][:10], []string{keystore.DefaultPassword}, keystore.ErrFormat},
		"PKCS#12, truncated":          {files["modern"][:100], []string{keystore.DefaultPassword}, keystore.ErrFormat},
		"the second password is good": {files["JKS"], []string{"other", keystore.DefaultPassword}, nil},
	} {
		if _, err := keystore.Open(tc.data, tc.passwords...); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

func FuzzOpen(f *testing.F) {
	for _, data := range foreign(f, cert(f, "Theirs")) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := keystore.Open(data, keystore.DefaultPassword)
		if err != nil {
			return
		}
		before := len(s.Entries())
		add(t, s, "ours", cert(t, "Ours"))
		again := open(t, encode(t, s))
		if n := len(again.Entries()); n != before+1 {
			t.Errorf("%d entries became %d", before, n)
		}
	})
}

func BenchmarkAdd110ToJKS(b *testing.B) {
	data, c := jksOf(b, cert(b, "Theirs")), cert(b, "Ours")
	for b.Loop() {
		s := open(b, data)
		for i := range 110 {
			add(b, s, fmt.Sprintf("ours-%d", i), c)
		}
		encode(b, s)
	}
}

func Example() {
	s := keystore.NewJKS(keystore.DefaultPassword)
	data, err := s.Encode()
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err = keystore.Open(data, keystore.DefaultPassword)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Format(), len(s.Entries()))
	// Output: JKS 0
}

// Java asks for no password: the password that signs a file does not matter,
// and an encrypted PKCS#12 file shows nothing.
func TestWithoutPassword(t *testing.T) {
	c := cert(t, "A")
	for _, store := range []keystore.Store{keystore.NewJKS("secret"), keystore.NewPKCS12(""), keystore.NewPKCS12("secret")} {
		if err := store.Add(keystore.Entry{Alias: "a", Cert: c}); err != nil {
			t.Fatal(err)
		}
		data, err := store.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if s, err := keystore.WithoutPassword(data); err != nil || len(s.Entries()) != 1 {
			t.Errorf("%s: %v", store.Format(), err)
		}
	}
	data, err := sslmate.Modern.EncodeTrustStore([]*x509.Certificate{c.X509()}, keystore.DefaultPassword)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keystore.WithoutPassword(data); !errors.Is(err, keystore.ErrPassword) {
		t.Errorf("an encrypted store: %v, want %v", err, keystore.ErrPassword)
	}
}
