package bundles

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/roottest"
)

// site serves a file for each URL.
type site map[string]string

func (s site) RoundTrip(r *http.Request) (*http.Response, error) {
	body, ok := s[r.URL.String()]
	if !ok {
		return answer(404, "")(r)
	}
	return answer(200, body)(r)
}

// tlv encodes an element. The length is indefinite if ber is set and the
// element contains others.
func tlv(ber bool, tag byte, contents ...string) string {
	body := strings.Join(contents, "")
	n := len(body)
	switch {
	case ber && tag&0x20 != 0:
		return string([]byte{tag, 0x80}) + body + "\x00\x00"
	case n < 0x80:
		return string([]byte{tag, byte(n)}) + body
	case n < 0x100:
		return string([]byte{tag, 0x81, byte(n)}) + body
	}
	return string([]byte{tag, 0x82, byte(n >> 8), byte(n)}) + body
}

// pkcs7 returns signed data (RFC 5652) with only certificates.
func pkcs7(ber bool, ders ...string) string {
	const signedData, data = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
	inner := tlv(ber, 0x30, "\x02\x01\x01", "\x31\x00", tlv(ber, 0x30, data), tlv(ber, 0xa0, ders...), "\x31\x00")
	return tlv(ber, 0x30, signedData, tlv(ber, 0xa0, inner))
}

func zipped(t *testing.T, files map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, content := range files {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Each format of the catalogue, as providers serve it, gives the same
// certificates, byte for byte.
func TestFormats(t *testing.T) {
	a, b := roottest.NewCA(t, "A"), roottest.NewCA(t, "B")
	ders, pems := []string{string(a.DER), string(b.DER)}, a.PEM()+b.PEM()
	base64Of := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	armoured := func(der string) string {
		return "-----BEGIN PKCS7-----\n" + base64Of(der) + "\n-----END PKCS7-----\n"
	}
	served := map[string][]string{
		"pem":    {pems},
		"der":    {ders[0] + ders[1]},
		"pkcs7":  {pkcs7(false, ders...), pkcs7(true, ders...), armoured(pkcs7(false, ders...)), armoured(pkcs7(true, ders...))},
		"zip":    {zipped(t, map[string]string{"README.txt": "hello", "chain.pem": pems, "chain.p7b": pkcs7(true, ders...)}), zipped(t, map[string]string{"a/1.cer": ders[0], "a/2.p7b": armoured(pkcs7(false, ders[1]))})},
		"base64": {base64Of(ders[0] + ders[1]), base64Of(pems), base64Of(pkcs7(true, ders...))},
		"json": {jsonOf(t, map[string]any{"result": []any{map[string]any{"certificate": a.PEM()}, map[string]any{"certificate": b.PEM()}}}),
			jsonOf(t, map[string]any{"name": "ca", "content_type": "application/x-pem-file", "content": base64Of(pems)}),
			jsonOf(t, map[string]any{"managedServerCa": map[string]any{"caCerts": []any{map[string]any{"certificates": []string{a.PEM(), b.PEM()}}}}})},
	}
	if all := strings.Fields(formats); len(all) != len(served) {
		t.Errorf("of the formats %v, %d are tried here", all, len(served))
	}
	for format, bodies := range served {
		file := write(t, filepath.Join(t.TempDir(), "c.json"), edited(`"pem"`, `"`+format+`"`))
		for i, body := range bodies {
			loaded, err := Load(t.Context(), Options{Catalog: []string{file}, Transport: site{"https://acme.example/ca.pem": body}}, "acme")
			if err != nil || commonNames(loaded[0]) != "A B" {
				t.Errorf("%s %d: %v", format, i, err)
				continue
			}
			for _, ca := range []*roottest.CA{a, b} {
				f := fingerprintOf(t, ca.DER)
				if c := loaded[0].Certs.Get(f); c == nil || !bytes.Equal(c.Raw, ca.DER) {
					t.Errorf("%s %d: a certificate changed on the way", format, i)
				}
			}
		}
	}
}

func fingerprintOf(t *testing.T, der []byte) certs.Fingerprint {
	t.Helper()
	c, err := certs.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c.Fingerprint()
}

// The real bundles, if available, in their published formats. Each has the
// certificates and the set digest in the catalogue.
func TestRealBundles(t *testing.T) {
	dir := os.Getenv("CERTGRAFT_TESTDATA")
	if dir == "" {
		t.Skip("CERTGRAFT_TESTDATA is not set: the real bundles are not there")
	}
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(dir, "bundles", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	archive := func(names ...string) string {
		files := map[string]string{"README.txt": "what this is"}
		for _, name := range names {
			files["Certificates/"+filepath.Base(name)] = read(name)
		}
		return zipped(t, files)
	}
	for spec, files := range map[string][]string{
		"aws-rds":              {read("aws-rds/global-bundle.pem")},
		"aws-rds:us-east-1":    {read("aws-rds/us-east-1-bundle.pem")},
		"aws-rds:us-west-2":    {read("aws-rds/us-west-2-bundle.pem")},
		"aws-rds-govcloud":     {read("aws-rds-govcloud/govcloud-bundle.pem")},
		"aws-redshift":         {read("aws-redshift/amazon-trust-ca-bundle.crt")},
		"aws-keyspaces":        {read("aws-keyspaces/sf-class2-root.crt"), read("aws-redshift/amazon-trust-ca-bundle.crt")},
		"alibaba-apsaradb":     {archive("alibaba-apsaradb/ApsaraDB-CA-Chain.pem")},
		"cisco-umbrella":       {read("cisco-umbrella/Cisco_Umbrella_Root_CA.cer")},
		"cloudflare-origin-ca": {read("cloudflare-origin/origin_ca_rsa_root.pem")},
		"dod-pki": {archive("dod-pki/DOD_ROOT_CA_2__0x05__DOD_ROOT_CA_2.cer", "dod-pki/DoD_Root_CA_3__01__DoD_Root_CA_3.cer",
			"dod-pki/ECA_ROOT_CA_2__0x05__ECA_ROOT_CA_2.cer", "dod-pki/ECA_Root_CA_4__0x01__ECA_Root_CA_4.cer")},
		"letsencrypt": {read("letsencrypt/isrgrootx1.der"), read("letsencrypt/isrg-root-x2.der"), read("letsencrypt/gen-y/root-ye.pem"), read("letsencrypt/gen-y/root-yr.pem")},
		"letsencrypt-staging": {read("letsencrypt-staging/letsencrypt-stg-root-x1.pem"), read("letsencrypt-staging/letsencrypt-stg-root-x2.pem"),
			read("letsencrypt-staging/gen-y/root-ye.pem"), read("letsencrypt-staging/gen-y/root-yr.pem")},
		"russian-trusted": {read("russian-trusted/russian_trusted_root_ca.cer"), read("russian-trusted/russian_trusted_sub_ca_pem.crt")},
		"supabase":        {read("supabase/prod-ca-2021.crt")},
		"tidb-cloud":      {read("letsencrypt/isrgrootx1.pem")},
		"yandex-cloud":    {read("yandex-cloud/ydb-go-yc-metadata.pem")},
	} {
		id, region, _ := strings.Cut(spec, ":")
		p := mustFind(t, id)
		urls, err := p.urls(region)
		if err != nil {
			t.Fatal(err)
		}
		pages := site{}
		for i, u := range urls {
			pages[u] = files[min(i, len(files)-1)]
		}
		loaded, err := Load(t.Context(), Options{Transport: pages}, spec)
		if err != nil {
			t.Errorf("%s: %v", spec, err)
			continue
		}
		b := loaded[0]
		if len(b.New) > 0 || len(b.Gone) > 0 || b.Certs.Len() != len(p.known(region)) || region == "" && b.Certs.Digest() != p.Evidence.Set {
			t.Errorf("%s: %d certificates, %d known: %q", spec, b.Certs.Len(), len(p.known(region)), b.Warnings)
		}
	}
}

// The Federal PKI as published: a root over http that only its pin protects,
// and PKCS#7 of the CAs below it, in DER and BER.
func TestRealFederalPKI(t *testing.T) {
	dir := os.Getenv("CERTGRAFT_TESTDATA")
	if dir == "" {
		t.Skip("CERTGRAFT_TESTDATA is not set: the real bundles are not there")
	}
	p := mustFind(t, "us-fpki")
	const file = "CACertificatesValidatingToFederalCommonPolicyG2.p7b"
	for name, want := range map[string]int{file: 146, "history/" + file: 151} {
		body, err := os.ReadFile(filepath.Join(dir, "bundles/us-fpki", name))
		if err != nil {
			t.Fatal(err)
		}
		loaded, err := Load(t.Context(), Options{Transport: site{p.Regions["below"][0]: string(body)}}, "us-fpki:below")
		if err != nil || loaded[0].Certs.Len() != want || len(loaded[0].Warnings) > 0 {
			t.Errorf("%s: %+v %v", name, loaded, err)
			continue
		}
		root := loaded[0].Certs.Get(p.Known[0].fingerprint())
		if root == nil {
			t.Fatalf("%s: the root is not in it", name)
		}
		if _, err := Load(t.Context(), Options{Transport: site{p.URLs[0]: string(root.Raw)}}, "us-fpki"); err != nil {
			t.Errorf("the root by http: %v", err)
		}
		if _, err := Load(t.Context(), Options{Transport: site{p.URLs[0]: string(body)}}, "us-fpki"); err == nil || !strings.Contains(err.Error(), "what the catalogue pins") {
			t.Errorf("something else by http: %v", err)
		}
	}
}
