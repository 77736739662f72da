package certs_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/roottest"
)

// keys returns private keys in each DER format.
func keys(t testing.TB) map[string][]byte {
	t.Helper()
	must := func(der []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	n := big.NewInt(1 << 40)
	return map[string][]byte{
		"PKCS#8":           must(x509.MarshalPKCS8PrivateKey(ec)),
		"PKCS#8 Ed25519":   must(x509.MarshalPKCS8PrivateKey(ed)),
		"SEC 1":            must(x509.MarshalECPrivateKey(ec)),
		"PKCS#1":           x509.MarshalPKCS1PrivateKey(rsaKey),
		"DSA":              must(asn1.Marshal([]*big.Int{new(big.Int), n, n, n, n, n})),
		"encrypted PKCS#8": tlv(0x30, tlv(0x30, tlv(6, []byte("\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d")), tlv(0x30)), tlv(4, make([]byte, 100))),
		"OpenSSH":          append([]byte("openssh-key-v1\x00"), make([]byte, 100)...),
	}
}

// A private key refuses the whole input, at any place and in any format.
func TestParseRefusesPrivateKeys(t *testing.T) {
	ca := roottest.NewCA(t, "Root")
	a, encode := ca.PEM(), base64.StdEncoding.EncodeToString
	for form, der := range keys(t) {
		text := wrap("PRIVATE KEY", der)
		for name, data := range map[string]string{
			"DER":                      string(der),
			"DER, padded":              string(der) + "\n",
			"DER behind a certificate": string(ca.DER) + "\n" + string(der),
			"PEM":                      text,
			"PEM behind a certificate": a + text,
			"PEM before a certificate": text + a,
			"PEM behind DER":           string(ca.DER) + text,
			"DER behind PEM":           a + string(der),
			"as certificate":           wrap("CERTIFICATE", der),
			"behind one in its block":  wrap("CERTIFICATE", slices.Concat(ca.DER, []byte("\n"), der)),
			"as trusted certificate":   wrap("TRUSTED CERTIFICATE", der),
			"base64":                   encode(der),
			"base64 in lines":          strings.Join(strings.Split(text, "\n")[1:len(strings.Split(text, "\n"))-2], "\r\n"),
			"base64 of PEM":            encode([]byte(a + text)),
			"ZIP":                      zipped(t, map[string]string{"a.pem": a, "tls.key": string(der)}),
			"ZIP, PEM":                 zipped(t, map[string]string{"a.pem": a, ".key": text}),
			"ZIP in ZIP":               zipped(t, map[string]string{"a.zip": zipped(t, map[string]string{"k": text})}),
			"JSON":                     `{"key":"` + encode(der) + `"}`,
			"JSON, PEM":                fmt.Sprintf(`{"ca":%q,"key":%q}`, a, text),
			"JSON, PEM with escapes":   strings.ReplaceAll(fmt.Sprintf(`{"ca":%q,"key":%q}`, a, text), "-", `\u002d`),
			"UTF-16":                   utf16le(text),
			"UTF-16 without a mark":    utf16be(text)[2:],
			"UTF-16 between PEM":       a + utf16le(text)[2:] + a,
			"HTML":                     "<html><pre>" + text,
			"typographic dashes":       strings.ReplaceAll(text, "-----", "\u2014\u2013-"),
			"lower case":               strings.ReplaceAll(strings.ToLower(text), "\n", "\r\n"),
			"dashes lost behind DER":   string(ca.DER) + strings.ReplaceAll(text, "-----", "--"),
			"dashes lost":              strings.ReplaceAll(text, "-----", "--"),
			"BEGIN cut off":            a + strings.Replace(text, "KEY-----", "KEY", 1),
			"BEGIN lost":               a + strings.Replace(text, "-----BEGIN PRIVATE KEY-----", "", 1),
			"RFC 4716":                 a + strings.NewReplacer("-----BEGIN ", "---- BEGIN SSH2 ENCRYPTED ", "-----", "----").Replace(text),
			"PuTTY":                    a + "PuTTY-User-Key-File-2: ssh-rsa\n",
		} {
			if form == "OpenSSH" && (strings.Contains(name, "DER") || strings.Contains(name, "certificate") || strings.Contains(name, "block")) {
				continue // not DER
			}
			if want := form != "OpenSSH" || !strings.HasPrefix(name, "JSON,"); want {
				refuses(t, form+", "+name, data, der)
			}
		}
	}
	for _, label := range []string{"RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY", "ANY PRIVATE KEY", "PGP PRIVATE KEY BLOCK"} {
		refuses(t, label, a+wrap(label, []byte("0123456789012345678901234567890123456789")), []byte("0123456789012345678901234567890123456789"))
	}
	for _, jwk := range []string{
		`{"kty":"EC","crv":"P-256","x":"MKBC","y":"4Etl","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}`,
		`{"keys":[{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}]}`,
	} {
		refuses(t, "JWK", jwk, []byte(jwk))
	}
}

func refuses(t *testing.T, name, data string, key []byte) {
	t.Helper()
	taken, findings, err := certs.ParseAll([]byte(data))
	if !errors.Is(err, certs.ErrPrivateKey) || len(taken) != 0 {
		t.Errorf("%s: took %d, error %v", name, len(taken), err)
		return
	}
	said := err.Error() + fmt.Sprint(findings)
	for _, secret := range []string{string(key[8:24]), base64.StdEncoding.EncodeToString(key)[8:30]} {
		if strings.Contains(said, secret) {
			t.Errorf("%s: what is said shows the key", name)
		}
	}
	if last := findings[len(findings)-1]; last.Verdict != certs.Refused {
		t.Errorf("%s: the last finding is %v", name, last)
	}
}

// Content that only resembles a key is not one.
func TestParseTakesNoKeyForOne(t *testing.T) {
	a := roottest.NewCA(t, "Root").PEM()
	public, err := x509.MarshalPKIXPublicKey(roottest.NewCA(t, "x").Cert.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range []string{
		"# begin; keep your PRIVATE KEY elsewhere\n" + a,
		a + string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		`{"kty":"EC","x5c":["` + base64.StdEncoding.EncodeToString(roottest.NewCA(t, "y").DER) + `"]}`,
	} {
		if taken, _, err := certs.ParseAll([]byte(data)); err != nil || len(taken) != 1 {
			t.Errorf("%.40q: took %d: %v", data, len(taken), err)
		}
	}
}
