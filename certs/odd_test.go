package certs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/certs"
)

// outcome is the result for a file: the number of accepted certificates, the
// number that Go's own reader refuses, and the messages. The messages are
// findings in order, and the error unless a finding has it; "" for none.
type outcome struct {
	taken, quirks int
	said          string
}

// odd has a row for each file in the collections of odd and poisonous files. A
// certificate that a strict reader refuses is skipped, since it would cost the
// strict reader its bundle. A certificate that OpenSSL accepts and Go does not
// is kept.
var odd = map[string]outcome{
	"oddities/gnutls-bmpstring.pem":                         {1, 0, ""},
	"oddities/gnutls-cert-ecc256-full.pem":                  {1, 0, ""},
	"oddities/gnutls-cert-eddsa.pem":                        {1, 0, ""},
	"oddities/gnutls-cert-with-non-digits-time.pem":         {0, 0, "skipped: its dates are malformed: some readers would refuse the whole bundle"},
	"oddities/gnutls-commonName.cer":                        {1, 1, ""},
	"oddities/gnutls-dup-exts.pem":                          {0, 0, "skipped: an extension stands twice: GnuTLS would refuse the whole bundle"},
	"oddities/gnutls-full.p7b":                              {2, 0, ""},
	"oddities/gnutls-gost-cert-ca.pem":                      {1, 0, ""},
	"oddities/gnutls-grfc.crt":                              {1, 0, ""},
	"oddities/gnutls-long-oids.pem":                         {1, 1, ""},
	"oddities/gnutls-long-serial.pem":                       {1, 0, ""},
	"oddities/gnutls-openssl-invalid-time-format.pem":       {0, 0, "skipped: its dates are malformed: some readers would refuse the whole bundle"},
	"oddities/gnutls-openssl.p7b":                           {2, 0, ""},
	"oddities/gnutls-rfc4134-4.5.p7b":                       {2, 0, ""},
	"oddities/gnutls-single-ca.p7b":                         {1, 0, ""},
	"oddities/gnutls-template-generalized.pem":              {1, 0, ""},
	"oddities/gnutls-very-long-dn.pem":                      {1, 0, ""},
	"oddities/gnutls-x509-v3-with-fractional-time.pem":      {0, 0, "skipped: its dates are malformed: some readers would refuse the whole bundle"},
	"oddities/gnutls-x509-with-zero-version.pem":            {0, 0, "skipped: its version is invalid: GnuTLS would refuse the whole bundle"},
	"oddities/openssl-ca-cert-ec-explicit.pem":              {1, 1, ""},
	"oddities/openssl-ca-pss-cert.pem":                      {1, 0, ""},
	"oddities/openssl-cross-root.pem":                       {1, 0, ""},
	"oddities/openssl-cyrillic.pem":                         {1, 0, ""},
	"oddities/openssl-grfc.pem":                             {1, 0, ""},
	"oddities/openssl-invalid-cert.pem":                     {1, 1, "repaired: its label is OpenSSL's TRUSTED CERTIFICATE"},
	"oddities/openssl-root-cert-768.pem":                    {1, 0, ""},
	"oddities/openssl-root-cert-md5.pem":                    {1, 0, ""},
	"oddities/openssl-root-cross-cert.pem":                  {1, 0, ""},
	"oddities/openssl-root-ed25519.pem":                     {1, 0, ""},
	"oddities/openssl-root-expired.pem":                     {1, 0, ""},
	"oddities/openssl-root-nonca.pem":                       {1, 0, ""},
	"oddities/openssl-root-serverAuth.pem":                  {0, 0, "skipped: its trust settings reject it for some uses"},
	"oddities/openssl-roots.pem":                            {2, 0, ""},
	"oddities/openssl-server-trusted.pem":                   {1, 0, "repaired: its label is OpenSSL's TRUSTED CERTIFICATE; its trust settings were dropped: it becomes trusted for everything"},
	"oddities/openssl-sm2-ca-cert.pem":                      {1, 1, ""},
	"oddities/p11-distrusted.pem":                           {0, 0, "skipped: its trust settings reject it for some uses"},
	"oddities/p11-multiple.jks":                             {0, 0, "no certificate: it is a Java keystore"},
	"oddities/p11-openssl-trust-no-trust.pem":               {1, 0, "repaired: its label is OpenSSL's TRUSTED CERTIFICATE"},
	"oddities/p11-redhat-ca.der":                            {1, 0, ""},
	"oddities/p11-self-signed-with-eku.der":                 {1, 0, ""},
	"oddities/p11-trusted-certificate.pem":                  {0, 0, "skipped: its trust settings reject it for some uses"},
	"oddities/p11-verisign-v1.pem":                          {1, 0, "repaired: its label is OpenSSL's TRUSTED CERTIFICATE"},
	"oddities/pyca-accvraiz1.pem":                           {1, 0, ""},
	"oddities/pyca-bad_country.pem":                         {1, 0, ""},
	"oddities/pyca-badasn1time.pem":                         {0, 0, "skipped: its dates are malformed: some readers would refuse the whole bundle"},
	"oddities/pyca-cryptography.io.old_header.pem":          {1, 0, "repaired: its label is the old X509 CERTIFICATE"},
	"oddities/pyca-cryptography.io.with_garbage.pem":        {0, 0, "refused: it holds a private key"},
	"oddities/pyca-dsa_selfsigned_ca.pem":                   {1, 0, ""},
	"oddities/pyca-e-trust.ru.der":                          {1, 0, ""},
	"oddities/pyca-invalid_utf8_common_name.pem":            {0, 0, "skipped: issuer: invalid UTF-8 in a UTF8String: OpenSSL would refuse the whole bundle"},
	"oddities/pyca-invalid_version.pem":                     {1, 1, ""},
	"oddities/pyca-negative_serial.pem":                     {1, 1, ""},
	"oddities/pyca-root-ed448.pem":                          {1, 0, ""},
	"oddities/pyca-scottishpower-bitstring-dn.pem":          {1, 1, ""},
	"oddities/pyca-two_basic_constraints.pem":               {0, 0, "skipped: an extension stands twice: GnuTLS would refuse the whole bundle"},
	"oddities/pyca-unsupported_extension_critical.pem":      {1, 0, ""},
	"oddities/pyca-unsupported_subject_public_key_info.pem": {1, 0, ""},
	"oddities/pyca-v1_cert.pem":                             {0, 0, "skipped: its two signature algorithms differ: GnuTLS would refuse the whole bundle"},
	"oddities/pyca-verisign_md2_root.pem":                   {1, 0, ""},
	"oddities/real-apsaradb-84-certs-25-same-subject.pem":   {84, 0, ""},
	"oddities/real-base64-der-without-armor.cer":            {1, 0, "repaired: it was base64 without BEGIN and END lines"},
	"oddities/real-cross-signed-isrg-x2.pem":                {3, 0, ""},
	"oddities/real-der.cer":                                 {1, 0, ""},
	"oddities/real-digicert-g2-end-line-variant-2.pem":      {1, 0, ""},
	"oddities/real-digicert-g2-end-line-variant-3.pem":      {1, 0, "repaired: its END line has the wrong number of dashes"},
	"oddities/real-digicert-g2-end-line-variant-5.pem":      {1, 0, "repaired: its END line has the wrong number of dashes"},
	"oddities/real-expired-dst-x3-chain.pem":                {2, 0, ""},
	"oddities/real-google-roots-with-negative-serial.pem":   {130, 1, ""},
	"oddities/real-html-page-as-global-bundle.pem":          {0, 0, "162 x skipped: it stands in an HTML page | no certificate: it is an HTML page, not certificates"},
	"oddities/real-openssl-text-header-zscaler.crt":         {1, 0, ""},
	"oddities/real-pem-named-cer-dod.cer":                   {1, 0, ""},
	"oddities/real-pkcs7-146-certs-14-same-subject.p7b":     {146, 0, ""},
	"oddities/real-pkcs7-ber-indefinite.p7b":                {151, 0, ""},
	"oddities/real-placeholder-comment.pem":                 {0, 0, "skipped: damaged base64: '#' is not a character of it"},
	"oddities/real-placeholder-xxxx.pem":                    {0, 0, "skipped: damaged DER: not one whole ASN.1 sequence | 9 x skipped: damaged base64: characters are missing or too many"},
	"oddities/real-s3-xml-error-as-redis_ca.pem":            {0, 0, "no certificate: it is an XML document, an error message of a store perhaps"},
	"oddities/real-same-subject-supabase-2021-2025.pem":     {2, 0, ""},
	"oddities/real-truncated-after-first-cert.pem":          {1, 0, "skipped: cut off: no END line"},
	"oddities/real-trusted-certificate-bundle.crt":          {1, 0, "repaired: its label is OpenSSL's TRUSTED CERTIFICATE; its trust settings were dropped: it becomes trusted for everything"},
	"oddities/real-windows-root-bitstring-in-dn.pem":        {1, 1, ""},
	"oddities/real-windows-root-negative-serial.pem":        {1, 1, ""},
	"oddities/syn-all-on-one-line.pem":                      {1, 0, "repaired: the whole block stood on one line"},
	"oddities/syn-bad-base64-in-2nd-of-4.pem":               {3, 0, "skipped: damaged base64: '!' is not a character of it"},
	"oddities/syn-base64-of-pem.txt":                        {1, 0, "repaired: it was base64 without BEGIN and END lines"},
	"oddities/syn-bit-flip-in-signature.pem":                {1, 0, ""},
	"oddities/syn-bom-4-certs.pem":                          {4, 0, "repaired: a byte order mark stood before it"},
	"oddities/syn-brainpoolP384r1-root.pem":                 {1, 1, ""},
	"oddities/syn-crl-only.pem":                             {0, 0, "skipped: not a certificate but a block of X509 CRL"},
	"oddities/syn-crlf.pem":                                 {1, 0, ""},
	"oddities/syn-der-concatenated-two.der":                 {2, 0, ""},
	"oddities/syn-der-trailing-garbage.der":                 {1, 0, "repaired: bytes after the certificate are cut off"},
	"oddities/syn-empty-subject.pem":                        {1, 0, ""},
	"oddities/syn-empty.pem":                                {0, 0, "no certificate: the file is empty"},
	"oddities/syn-glued-end-begin.pem":                      {2, 0, "repaired: it stood on the END line of the one before"},
	"oddities/syn-glued-middle-4-certs.pem":                 {4, 0, "repaired: it stood on the END line of the one before"},
	"oddities/syn-indented.pem":                             {1, 0, "repaired: it was indented"},
	"oddities/syn-json-wrapped.json":                        {1, 0, "repaired: it was a string of a JSON document"},
	"oddities/syn-literal-backslash-n.pem":                  {1, 0, "repaired: its line breaks were the two characters \\n"},
	"oddities/syn-lowercase-label.pem":                      {1, 0, "repaired: its BEGIN line is in lower case; its END line is in lower case"},
	"oddities/syn-mixed-eol-comment.pem":                    {2, 0, ""},
	"oddities/syn-no-final-newline.pem":                     {1, 0, ""},
	"oddities/syn-nul-bytes-after.pem":                      {1, 0, ""},
	"oddities/syn-one-line-body.pem":                        {1, 0, ""},
	"oddities/syn-path-traversal-cn.pem":                    {1, 0, ""},
	"oddities/syn-private-key-only-as-bundle.pem":           {0, 0, "refused: it holds a private key"},
	"oddities/syn-public-key-only.pem":                      {0, 0, "skipped: not a certificate but a block of PUBLIC KEY"},
	"oddities/syn-rds-global-bundle.p7b":                    {108, 0, ""},
	"oddities/syn-rsa1024-root.pem":                         {1, 0, ""},
	"oddities/syn-rsa16384-root.pem":                        {1, 0, ""},
	"oddities/syn-same-cert-twice.pem":                      {2, 0, ""},
	"oddities/syn-secp256k1-root.pem":                       {1, 1, ""},
	"oddities/syn-trailing-spaces.pem":                      {1, 0, ""},
	"oddities/syn-truststore.jks":                           {0, 0, "skipped: not a certificate but a PKCS#12 keystore | no certificate: it is a PKCS#12 keystore"},
	"oddities/syn-two.p7b":                                  {2, 0, ""},
	"oddities/syn-utf16le-bom.pem":                          {1, 0, "repaired: it was UTF-16 text"},
	"oddities/syn-x509-certificate-label.pem":               {1, 0, "repaired: its label is the old X509 CERTIFICATE"},
	"oddities/syn-zip-like-apsaradb.zip":                    {1, 0, ""},
	"poison/00good.pem":                                     {2, 0, ""},
	"poison/badb64.pem":                                     {2, 0, "skipped: damaged base64: '@' is not a character of it"},
	"poison/badder.pem":                                     {2, 0, "skipped: damaged DER: not one whole ASN.1 sequence"},
	"poison/badprintable.pem":                               {3, 1, ""},
	"poison/badutf8.pem":                                    {2, 0, "skipped: issuer: invalid UTF-8 in a UTF8String: OpenSSL would refuse the whole bundle"},
	"poison/blankline.pem":                                  {3, 0, "repaired: a blank line stood inside the block"},
	"poison/bom-first.pem":                                  {2, 0, "repaired: a byte order mark stood before it"},
	"poison/bom.pem":                                        {3, 0, "repaired: a byte order mark stood before it"},
	"poison/crlf.pem":                                       {3, 0, ""},
	"poison/der-nl.pem":                                     {3, 0, "repaired: it stood between PEM blocks, but not as PEM; bytes after the certificate are cut off"},
	"poison/der.pem":                                        {3, 0, "repaired: it stood between PEM blocks, but not as PEM | repaired: its BEGIN did not start a line"},
	"poison/dup.pem":                                        {3, 0, ""},
	"poison/empty.pem":                                      {0, 0, "no certificate: the file is empty"},
	"poison/emptysubj.pem":                                  {3, 0, ""},
	"poison/expired.pem":                                    {3, 0, ""},
	"poison/garbage.pem":                                    {2, 0, ""},
	"poison/header-noblank.pem":                             {3, 0, "repaired: header lines inside the block were dropped"},
	"poison/header.pem":                                     {3, 0, "repaired: header lines inside the block were dropped"},
	"poison/html.pem":                                       {2, 0, "skipped: cut off: no END line"},
	"poison/indented.pem":                                   {3, 0, "repaired: it was indented"},
	"poison/key.pem":                                        {0, 0, "refused: it holds a private key"},
	"poison/leaf-a.crt":                                     {1, 0, ""},
	"poison/leaf-b.crt":                                     {1, 0, ""},
	"poison/leaf.pem":                                       {3, 0, ""},
	"poison/long-serial.pem":                                {3, 0, ""},
	"poison/longline.pem":                                   {3, 0, ""},
	"poison/neg.pem":                                        {3, 1, ""},
	"poison/nonl.pem":                                       {2, 0, "repaired: it stood on the END line of the one before"},
	"poison/text.pem":                                       {3, 0, ""},
	"poison/trailing.pem":                                   {3, 0, "repaired: bytes after the certificate are cut off"},
	"poison/trunc.pem":                                      {2, 0, "skipped: cut off: no END line"},
	"poison/trusted.pem":                                    {3, 0, "repaired: its label is OpenSSL's TRUSTED CERTIFICATE; its trust settings were dropped: it becomes trusted for everything"},
	"poison/utf16.pem":                                      {3, 0, "repaired: it stood between PEM blocks, but not as PEM; it was UTF-16 text | repaired: its BEGIN did not start a line"},
	"poison/v1ish.pem":                                      {3, 0, ""},
	"poison/x509.pem":                                       {3, 0, "repaired: its label is the old X509 CERTIFICATE"},
	"poison/zero.pem":                                       {3, 0, ""},
}

func TestOddFiles(t *testing.T) {
	dir := os.Getenv("CERTGRAFT_TESTDATA")
	if dir == "" {
		t.Skip("CERTGRAFT_TESTDATA is not set: the collections of odd and poisonous files are not there")
	}
	seen := 0
	for _, collection := range []string{"oddities", "poison"} {
		entries, err := os.ReadDir(filepath.Join(dir, collection))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			name := collection + "/" + e.Name()
			if e.Name() == "README.md" {
				continue
			}
			want, known := odd[name]
			if !known {
				t.Errorf("%s has no row: say what is to become of it", name)
				continue
			}
			seen++
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			t.Run(name, func(t *testing.T) { want.check(t, data) })
		}
	}
	if seen != len(odd) {
		t.Errorf("%d rows, %d files", len(odd), seen)
	}
}

func (want outcome) check(t *testing.T, data []byte) {
	taken, findings, err := certs.ParseAll(data)
	quirks := 0
	for _, c := range taken {
		if c.Quirk() != "" {
			quirks++
		}
	}
	if len(taken) != want.taken || quirks != want.quirks {
		t.Errorf("took %d, %d of them odd; want %d and %d", len(taken), quirks, want.taken, want.quirks)
	}
	if said := summary(findings, err); said != want.said {
		t.Errorf("said %q, want %q", said, want.said)
	}
}

// summary joins the messages about a file and counts repetitions.
func summary(findings []*certs.Finding, err error) string {
	var said []string
	for i := 0; i < len(findings); {
		f, n := findings[i], 0
		for ; i < len(findings) && findings[i].Reason == f.Reason; i++ {
			n++
		}
		text := f.Verdict.String() + ": " + f.Reason
		if n > 1 {
			text = fmt.Sprintf("%d x %s", n, text)
		}
		said = append(said, text)
	}
	if err != nil && (len(findings) == 0 || !strings.Contains(err.Error(), findings[0].Reason)) {
		said = append(said, err.Error())
	}
	return strings.Join(said, " | ")
}
