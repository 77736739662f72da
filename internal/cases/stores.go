package cases

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	pkcs12 "software.sslmate.com/src/go-pkcs12"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/keystore"
)

// Store is a state of the trust stores of a root.
type Store struct {
	ID    string
	Group string // "bundle", "directory", "java" or "variable"
	About string
	Files map[string]string // by their names in the root
	Links map[string]string
	Env   map[string]string // environment of the client
}

// Paths in a Debian root.
const (
	bundlePath    = "etc/ssl/certs/ca-certificates.crt"
	directoryPath = "etc/ssl/certs/"
	keystorePath  = "etc/ssl/certs/java/cacerts"
	extraPath     = "opt/extra.pem"
)

// Stores makes trust stores about two CAs, A and B, and a server of each, with the
// ids a and b. The result of a client is the set of CAs that it trusts.
func Stores(t testing.TB, now time.Time) (servers []Chain, stores []Store) {
	t.Helper()
	m := &storeMaker{maker: &maker{TB: t, now: now.UTC().Truncate(time.Second), group: "stores"}}
	m.a, m.b = m.unpadded("A"), m.unpadded("B")
	for id, ca := range map[string]*certificate{"a": m.a, "b": m.b} {
		m.add(id, "a server of one of the two", usualHost, trust(ca), m.leaf(ca, usualHost))
	}
	m.bundles()
	m.directories()
	m.keystores()
	m.variables()
	return m.made, m.stores
}

type storeMaker struct {
	*maker
	a, b   *certificate
	stores []Store
}

func (m *storeMaker) store(group, id, about string, files map[string]string) *Store {
	m.stores = append(m.stores, Store{ID: id, Group: group, About: about, Files: files, Links: map[string]string{}, Env: map[string]string{}})
	return &m.stores[len(m.stores)-1]
}

// unpadded makes a root whose base64 needs no padding, because some readers treat
// a damaged block differently without padding.
func (m *storeMaker) unpadded(name string) *certificate {
	for {
		if c := m.root(name); len(c.der)%3 == 0 {
			return c
		}
	}
}

func (c *certificate) pem() string { return block("CERTIFICATE", c.der) }

func block(label string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
}

// bundles are files with a good certificate, an oddity, and another good
// certificate.
func (m *storeMaker) bundles() {
	odd := m.unpadded("odd").pem()
	lines := strings.SplitAfter(odd, "\n")
	between := func(id, about, item string) {
		m.store("bundle", id, about, map[string]string{bundlePath: m.a.pem() + item + m.b.pem()})
	}
	bare := func(id, about, text string) {
		m.store("bundle", id, about, map[string]string{bundlePath: text})
	}
	between("clean", "a bundle as it should be", odd)
	between("crlf", "a certificate with CRLF line ends", strings.ReplaceAll(odd, "\n", "\r\n"))
	bare("glued", "no line feed between two certificates", strings.TrimSuffix(m.a.pem(), "\n")+m.b.pem())
	between("bad-base64", "a character that is not base64", strings.Replace(odd, lines[2][:4], "@@@@", 1))
	between("line-missing", "a line of the base64 is missing", strings.Join(append(append([]string{}, lines[:3]...), lines[4:]...), ""))
	between("blank-line", "a blank line before END", strings.Replace(odd, "-----END", "\n-----END", 1))
	between("header", "a header line inside the block", strings.Replace(odd, lines[0], lines[0]+"Proc-Type: 4,CLEAR\n\n", 1))
	bare("bom-first", "the file begins with a byte order mark", "\ufeff"+m.a.pem()+m.b.pem())
	between("bom-between", "a certificate begins with a byte order mark", "\ufeff"+odd)
	between("der", "a certificate in DER", string(m.root("der").der)+"\n")
	between("utf-16", "a certificate in UTF-16", utf16Text(odd))
	between("no-end", "a block without its END line", strings.Join(lines[:len(lines)-2], ""))
	between("trailing-bytes", "bytes behind the certificate in its block", block("CERTIFICATE", append(bytes.Clone(m.root("trailing").der), 0, 0, 0)))
	between("begin-in-text", "a line of text with the BEGIN line in it", "<p>-----BEGIN CERTIFICATE-----</p>\n")
	between("text", "text in front of a certificate", "Certificate:\n    Data:\n        Version: 3 (0x2)\n"+odd)
	between("private-key", "a private key", m.privateKey())
	between("trusted-label", "a TRUSTED CERTIFICATE", block("TRUSTED CERTIFICATE", m.root("trusted").der))
	bare("old-label", "a good certificate that is labelled X509 CERTIFICATE", block("X509 CERTIFICATE", m.a.der)+m.b.pem())
	between("empty-block", "nothing between BEGIN and END", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")
	between("long-line", "the base64 on one line", "-----BEGIN CERTIFICATE-----\n"+base64.StdEncoding.EncodeToString(m.root("long").der)+"\n-----END CERTIFICATE-----\n")
	bare("indented", "a good certificate that is indented", strings.ReplaceAll("\n"+strings.TrimSuffix(m.a.pem(), "\n"), "\n", "\n  ")+"\n"+m.b.pem())
	between("serial-negative-in-bundle", "a certificate with a negative serial number", m.root("negative", numbered(big.NewInt(-7))).pem())
	between("no-subject-in-bundle", "a CA without a subject", m.root("nameless", subject()).pem())
	between("bad-name", "a certificate with invalid UTF-8 in its name", m.root("badname", func(t *template) { t.subject = name(commonName("bad \xff\xfe")) }).pem())
	between("expired-in-bundle", "a certificate that has expired", m.root("old", m.expired()).pem())
	between("duplicate", "a certificate twice", m.a.pem())
	bare("empty", "an empty file", "")
	bare("missing", "no bundle at all", "")
	delete(m.stores[len(m.stores)-1].Files, bundlePath)
}

func (m *storeMaker) privateKey() string {
	der, err := x509.MarshalPKCS8PrivateKey(m.a.key)
	if err != nil {
		m.Fatal(err)
	}
	return block("PRIVATE KEY", der)
}

func utf16Text(text string) string {
	var out []byte
	for _, unit := range utf16.Encode([]rune("\ufeff" + text)) {
		out = append(out, byte(unit), byte(unit>>8))
	}
	return string(out)
}

// directories are cases with hash links. They have no bundle unless the case is
// about both.
func (m *storeMaker) directories() {
	files := func() map[string]string {
		return map[string]string{directoryPath + "a.pem": m.a.pem(), directoryPath + "b.pem": m.b.pem()}
	}
	link := func(s *Store, name, to string) { s.Links[directoryPath+name] = to }
	s := m.store("directory", "links", "files with their hash links, and no bundle", files())
	link(s, m.hash(m.a, 0), "a.pem")
	link(s, m.hash(m.b, 0), "b.pem")
	m.store("directory", "no-links", "files without hash links, and no bundle", files())
	s = m.store("directory", "link-gap", "the link of B has the number 1, and none has 0", files())
	link(s, m.hash(m.a, 0), "a.pem")
	link(s, m.hash(m.b, 1), "b.pem")
	s = m.store("directory", "link-stale", "the link of B leads to A", map[string]string{directoryPath + "a.pem": m.a.pem()})
	link(s, m.hash(m.a, 0), "a.pem")
	link(s, m.hash(m.b, 0), "a.pem")
	s = m.store("directory", "link-old-hash", "the link of B is by the hash of OpenSSL 0.9.8", files())
	link(s, m.hash(m.a, 0), "a.pem")
	link(s, fmt.Sprintf("%08x.0", m.parsed(m.b).SubjectHashOld()), "b.pem")
	s = m.store("directory", "two-in-file", "both links lead to a file with both", map[string]string{directoryPath + "both.pem": m.a.pem() + m.b.pem()})
	link(s, m.hash(m.a, 0), "both.pem")
	link(s, m.hash(m.b, 0), "both.pem")
	s = m.store("directory", "file-damaged", "the file of A is damaged", map[string]string{directoryPath + "a.pem": "-----BEGIN CERTIFICATE-----\n@@@@\n-----END CERTIFICATE-----\n", directoryPath + "b.pem": m.b.pem()})
	link(s, m.hash(m.a, 0), "a.pem")
	link(s, m.hash(m.b, 0), "b.pem")
	s = m.store("directory", "file-der", "the file of A is DER", map[string]string{directoryPath + "a.pem": string(m.a.der), directoryPath + "b.pem": m.b.pem()})
	link(s, m.hash(m.a, 0), "a.pem")
	link(s, m.hash(m.b, 0), "b.pem")
	s = m.store("directory", "bundle-damaged-beside-links", "the bundle is damaged, and the links are as they should be", files())
	s.Files[bundlePath] = m.a.pem() + "-----BEGIN CERTIFICATE-----\n@@@@\n-----END CERTIFICATE-----\n" + m.b.pem()
	link(s, m.hash(m.a, 0), "a.pem")
	link(s, m.hash(m.b, 0), "b.pem")
	s = m.store("directory", "bundle-empty-beside-links", "the bundle is empty, and the links are as they should be", files())
	s.Files[bundlePath] = ""
	link(s, m.hash(m.a, 0), "a.pem")
	link(s, m.hash(m.b, 0), "b.pem")
}

func (m *storeMaker) parsed(c *certificate) *certs.Certificate {
	parsed, err := certs.ParseCertificate(c.der)
	if err != nil {
		m.Fatal(err)
	}
	return parsed
}

func (m *storeMaker) hash(c *certificate, n int) string {
	return fmt.Sprintf("%08x.%d", m.parsed(c).SubjectHash(), n)
}

// keystores are cases with trust stores of Java.
func (m *storeMaker) keystores() {
	file := func(id, about string, store keystore.Store, all ...*certificate) {
		for i, c := range all {
			if err := store.Add(keystore.Entry{Alias: fmt.Sprint("case", i), Created: m.now, Cert: m.parsed(c)}); err != nil {
				m.Fatal(err)
			}
		}
		data, err := store.Encode()
		if err != nil {
			m.Fatal(err)
		}
		m.store("java", id, about, map[string]string{keystorePath: string(data)})
	}
	usual := keystore.DefaultPassword
	file("jks", "a JKS file", keystore.NewJKS(usual), m.a, m.b)
	file("jks-password", "a JKS file with a password of its own", keystore.NewJKS("secret"), m.a, m.b)
	file("pkcs12", "a PKCS#12 file without a password", keystore.NewPKCS12(""), m.a, m.b)
	file("pkcs12-signed", "a PKCS#12 file that the usual password signs and does not encrypt", keystore.NewPKCS12(usual), m.a, m.b)
	encrypted, err := pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{m.parsed(m.a).X509(), m.parsed(m.b).X509()}, usual)
	if err != nil {
		m.Fatal(err)
	}
	m.store("java", "pkcs12-encrypted", "a PKCS#12 file that is encrypted with the usual password", map[string]string{keystorePath: string(encrypted)})
	m.store("java", "pem-cacerts", "a bundle in PEM", map[string]string{keystorePath: m.a.pem() + m.b.pem()})
	m.store("java", "no-cacerts", "no trust store", map[string]string{})
}

// variables are cases in which a variable names a file with A, and the stores have
// B.
func (m *storeMaker) variables() {
	name := func(variable, value, id, about string) *Store {
		s := m.store("variable", id, about, map[string]string{bundlePath: m.b.pem(), directoryPath + "b.pem": m.b.pem(), extraPath: m.a.pem(), "opt/extra/a.pem": m.a.pem()})
		s.Links[directoryPath+m.hash(m.b, 0)] = "b.pem"
		s.Links["opt/extra/"+m.hash(m.a, 0)] = "a.pem"
		s.Env[variable] = value
		return s
	}
	const file, dir = " names a file with A; the stores have B", " names a directory with A; the stores have B"
	for _, v := range []string{
		"SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "DENO_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "PGSSLROOTCERT",
	} {
		name(v, "/"+extraPath, strings.ToLower(v), v+file)
	}
	name("SSL_CERT_DIR", "/opt/extra", "ssl_cert_dir", "SSL_CERT_DIR"+dir)
	name("GIT_SSL_CAPATH", "/opt/extra", "git_ssl_capath", "GIT_SSL_CAPATH"+dir)
	name("DENO_TLS_CA_STORE", "system", "deno_tls_ca_store", "DENO_TLS_CA_STORE=system; the stores have B")
	name("NODE_USE_SYSTEM_CA", "1", "node_use_system_ca", "NODE_USE_SYSTEM_CA=1; the stores have B")
	name("NODE_OPTIONS", "--use-openssl-ca", "node_use_openssl_ca", "NODE_OPTIONS=--use-openssl-ca; the stores have B")
	name("SSL_CERT_FILE", "/opt/missing.pem", "ssl_cert_file-missing", "SSL_CERT_FILE names a file that does not exist; the stores have B")
	name("ERL_AFLAGS", `-public_key cacerts_path '"/`+extraPath+`"'`, "erl_aflags", "ERL_AFLAGS sets cacerts_path to a file with A; the stores have B")
}
