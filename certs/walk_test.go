package certs_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/roottest"
)

// element is parsed DER. A test can change one part of a certificate, and the
// lengths around it follow.
type element struct {
	tag   byte
	data  []byte
	parts []*element // nil for a primitive element
	long  bool       // its length has a redundant byte
}

// takeApart parses the first DER element, as far as a certificate goes.
func takeApart(der []byte) (e *element, rest []byte) {
	length, header := int(der[1]), 2
	if length >= 0x80 {
		header += length & 0x7f
		length = 0
		for _, b := range der[2:header] {
			length = length<<8 | int(b)
		}
	}
	e = &element{tag: der[0], data: der[header : header+length]}
	if e.tag&0x20 != 0 {
		for inner := e.data; len(inner) > 0; {
			var part *element
			part, inner = takeApart(inner)
			e.parts = append(e.parts, part)
		}
	}
	return e, der[header+length:]
}

func (e *element) encode() []byte {
	body := e.data
	if e.parts != nil {
		body = nil
		for _, p := range e.parts {
			body = append(body, p.encode()...)
		}
	}
	if e.long {
		return append([]byte{e.tag, 0x83, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
	}
	return tlv(e.tag, body)
}

// at returns a nested part.
func (e *element) at(path ...int) *element {
	for _, i := range path {
		e = e.parts[i]
	}
	return e
}

// set makes an element primitive, with this content.
func (e *element) set(tag byte, data string) { *e = element{tag: tag, data: []byte(data)} }

// Places of the parts in a certificate of version 3.
var (
	version    = []int{0, 0, 0}
	serial     = []int{0, 1}
	algorithm  = []int{0, 2}
	notBefore  = []int{0, 4, 0}
	subject    = []int{0, 5}
	commonName = []int{0, 5, 1, 0, 1} // its value
	key        = []int{0, 6}
	extensions = []int{0, 7, 0}
)

func addExtension(oid, value string) func(*element) {
	return func(e *element) {
		list := e.at(extensions...)
		list.parts = append(list.parts, &element{tag: 0x30, parts: []*element{{tag: 6, data: []byte(oid)}, {tag: 4, data: []byte(value)}}})
	}
}

func altNames(names ...[]byte) func(*element) {
	return addExtension("\x55\x1d\x11", string(tlv(0x30, names...)))
}

func setAt(path []int, tag byte, data string) func(*element) {
	return func(e *element) { e.at(path...).set(tag, data) }
}

// edit is a change to a good certificate. Its effect on a bundle was measured
// with OpenSSL 3.0 and GnuTLS 3.7.
type edit struct {
	name   string
	change func(*element)
	want   string // part of the error; "" if it is taken
	quirk  bool   // accepted, but crypto/x509 refuses it
}

var edits = []edit{
	{"nothing", func(*element) {}, "", false},
	{"negative serial number", setAt(serial, 2, "\xff\x7f"), "", true},
	{"serial number 0", setAt(serial, 2, "\x00"), "", false},
	{"long serial number", setAt(serial, 2, strings.Repeat("\x01", 40)), "", false},
	{"no serial number", setAt(serial, 2, ""), "serial number is malformed", false},
	{"padded serial number", setAt(serial, 2, "\x00\x01"), "serial number is malformed", false},
	{"padded negative serial number", setAt(serial, 2, "\xff\x81"), "serial number is malformed", false},

	{"version 7", setAt(version, 2, "\x06"), "", true},
	{"version 1, written", setAt(version, 2, "\x00"), "version is invalid", false},
	{"version -1", setAt(version, 2, "\xff"), "version is invalid", false},
	{"version 257", setAt(version, 2, "\x01\x00"), "version is invalid", false},
	{"version 2 with extensions", setAt(version, 2, "\x01"), "version 2 and has extensions", false},
	{"version 1 with extensions", func(e *element) { e.at(0).parts = e.at(0).parts[1:] }, "version 1 and has extensions", false},
	{"version 1", func(e *element) { e.at(0).parts = e.at(0).parts[1:7] }, "", false},
	{"version 1 with a unique id", func(e *element) {
		e.at(0).parts = append(e.at(0).parts[1:7:7], &element{tag: 0x81, data: []byte("\x00\x01")})
	}, "version 1 and has a unique id", false},
	{"unique ids", func(e *element) {
		tbs := e.at(0)
		tbs.parts = slices.Insert(tbs.parts, 7, &element{tag: 0x81, data: []byte("\x00\x01")}, &element{tag: 0x82, data: []byte("\x00\x01")})
	}, "", false},
	{"malformed unique id", func(e *element) {
		e.at(0).parts = slices.Insert(e.at(0).parts, 7, &element{tag: 0x81, data: []byte("\x09\x01")})
	}, "unique id", false},

	{"other algorithm outside", func(e *element) { e.at(1, 0).data = []byte{42, 3} }, "algorithms differ", false},
	{"NULL in one algorithm", func(e *element) { e.at(1).parts = append(e.at(1).parts, &element{tag: 5}) }, "", true},
	{"no algorithm", func(e *element) { e.at(algorithm...).parts = []*element{} }, "signature algorithm is malformed", false},
	{"algorithm and more", func(e *element) {
		a := e.at(algorithm...)
		a.parts = append(a.parts, &element{tag: 5}, &element{tag: 5})
	}, "signature algorithm is malformed", false},
	{"empty signature", func(e *element) { e.at(2).set(3, "") }, "its signature is malformed", false},
	{"9 unused bits", func(e *element) { e.at(2).data[0] = 9 }, "its signature is malformed", false},

	{"key of an unknown kind", setAt(append(key, 0, 0), 6, "\x2a\x03"), "", false},
	{"key on an unknown curve", setAt(append(key, 0, 1), 6, "\x2a\x03"), "", true},
	{"key, identifier cut off", setAt(append(key, 0, 0), 6, "\x2a\x83"), "public key is malformed", false},
	{"key, identifier padded", setAt(append(key, 0, 0), 6, "\x2a\x80\x03"), "public key is malformed", false},
	{"key, parameters: long NULL", setAt(append(key, 0, 1), 5, "x"), "public key is malformed", false},
	{"key, parameters: long BOOLEAN", setAt(append(key, 0, 1), 1, "xx"), "public key is malformed", false},
	{"key, parameters: empty INTEGER", setAt(append(key, 0, 1), 2, ""), "public key is malformed", false},
	{"key, parameters: empty BIT STRING", setAt(append(key, 0, 1), 3, ""), "public key is malformed", false},
	{"key, parameters: half a BMPString", setAt(append(key, 0, 1), 30, "x"), "public key is malformed", false},
	{"key, parameters: half a UniversalString", setAt(append(key, 0, 1), 28, "x"), "public key is malformed", false},
	{"key, parameters: end of contents", setAt(append(key, 0, 1), 0, ""), "public key is malformed", false},
	{"key, parameters: primitive SEQUENCE", setAt(append(key, 0, 1), 16, "x"), "public key is malformed", false},
	{"key, parameters: constructed INTEGER", setAt(append(key, 0, 1), 0x22, "x"), "public key is malformed", false},
	{"key, parameters: a tag of its own", setAt(append(key, 0, 1), 0x80, "x"), "", true},
	{"key, parameters: UTF8String", setAt(append(key, 0, 1), 12, "x"), "", true},
	{"empty key", setAt(append(key, 1), 3, ""), "public key is malformed", false},
	{"key and more", func(e *element) { e.at(key...).parts = append(e.at(key...).parts, &element{tag: 5}) }, "public key is malformed", false},

	{"GeneralizedTime", setAt(notBefore, 24, "20240101000000Z"), "", false},
	{"no seconds", setAt(notBefore, 23, "2401010000Z"), "", false},
	{"offset", setAt(notBefore, 23, "240101000000+0100"), "dates are malformed", false},
	{"fraction", setAt(notBefore, 24, "20240101000000.5Z"), "dates are malformed", false},
	{"month 13", setAt(notBefore, 23, "241301000000Z"), "dates are malformed", false},
	{"empty date", setAt(notBefore, 23, ""), "dates are malformed", false},
	{"three dates", func(e *element) {
		v := e.at(0, 4)
		v.parts = append(v.parts, v.parts[0])
	}, "validity", false},

	{"Latin-1 PrintableString", setAt(commonName, 19, "\xe9"), "", true},
	{"BIT STRING in the name", setAt(commonName, 3, "\x00\xab"), "", true},
	{"a type without a name in the name", setAt(commonName, 29, "x"), "", true},
	{"empty name", func(e *element) { e.at(subject...).parts = []*element{} }, "", false},
	{"empty set in the name", func(e *element) { e.at(append(subject, 0)...).parts = []*element{} }, "", false},
	{"invalid UTF-8", setAt(commonName, 12, "\xff\xfe"), "subject: invalid UTF-8", false},
	{"UTF-8 of a surrogate", setAt(commonName, 12, "\xed\xa0\x80"), "subject: invalid UTF-8", false},
	{"half a character", setAt(commonName, 30, "\x00"), "type 30 in the name", false},
	{"a surrogate", setAt(commonName, 30, "\xd8\x00"), "impossible character", false},
	{"beyond Unicode", setAt(commonName, 28, "\x00\x11\x00\x00"), "impossible character", false},
	{"VisibleString in the name", setAt(commonName, 26, "x"), "type 26 in the name", false},
	{"OCTET STRING in the name", setAt(commonName, 4, "x"), "type 4 in the name", false},
	{"ENUMERATED in the name", setAt(commonName, 10, "\x01"), "type 10 in the name", false},
	{"empty BIT STRING in the name", setAt(commonName, 3, ""), "type 3 in the name", false},
	{"attribute without type", setAt([]int{0, 5, 1, 0, 0}, 6, ""), "attribute of the name", false},
	{"attribute that is none", setAt([]int{0, 5, 1, 0}, 5, ""), "attribute of the name", false},
	{"set that is none", setAt([]int{0, 5, 1}, 5, ""), "part of the name", false},
	{"huge name", setAt(commonName, 12, strings.Repeat("x", 1<<20)), "more than 1 MiB", false},

	{"extension twice", func(e *element) {
		list := e.at(extensions...)
		list.parts = append(list.parts, list.parts[0])
	}, "stands twice", false},
	{"unknown extension", addExtension("\x2a\x03\x04", "what ever"), "", false},
	{"no extension", func(e *element) { e.at(extensions...).parts = []*element{} }, "", false},
	{"extension without identifier", addExtension("", ""), "an extension", false},
	{"identifier that fills 64 bits", addExtension("\x2a\x81\xff\xff\xff\xff\xff\xff\xff\xff\x7f", ""), "", true},
	{"identifier beyond 64 bits", addExtension("\x2a\x83\xff\xff\xff\xff\xff\xff\xff\xff\x7f", ""), "an extension", false},
	{"long identifier", addExtension(strings.Repeat("\x01", 61)+"\x0a", ""), "", false},
	{"longer identifier", addExtension(strings.Repeat("\x01", 63), ""), "identifier of an extension is too long", false},
	{"critical, with two bytes", func(e *element) {
		x := e.at(extensions...).parts[0]
		x.parts = []*element{x.parts[0], {tag: 1, data: []byte{0xff, 0xff}}, x.parts[len(x.parts)-1]}
	}, "an extension", false},
	{"extensions and more", func(e *element) { e.at(0, 7).parts = append(e.at(0, 7).parts, &element{tag: 5}) }, "extensions", false},
	{"something after the extensions", func(e *element) { e.at(0).parts = append(e.at(0).parts, &element{tag: 5}) }, "extensions", false},
	{"alternative names", altNames(tlv(0x81, []byte("a@b")), tlv(0x82, []byte("b")), tlv(0x86, []byte("c:d")), tlv(0x87, []byte{1, 2, 3, 4}),
		tlv(0x88, []byte{42}), tlv(0xa4, tlv(0x30)), tlv(0xa0, tlv(6, []byte{42}), tlv(0xa0, tlv(5)))), "", false},
	{"alternative name: empty", altNames(tlv(0x82)), "alternative names", false},
	{"alternative name: of no kind", altNames(tlv(0x89, []byte("x"))), "alternative names", false},
	{"alternative name: name that is none", altNames(tlv(0xa4, tlv(0x31))), "alternative names", false},
	{"alternative name: identifier that is none", altNames(tlv(0x88, []byte{0x80})), "alternative names", false},
	{"alternative name: other without value", altNames(tlv(0xa0, tlv(6, []byte{42}))), "alternative names", false},
	{"alternative names and more", addExtension("\x55\x1d\x11", "\x30\x00\x05\x00"), "alternative names", false},
	{"issuer's alternative names that are none", addExtension("\x55\x1d\x12", ""), "alternative names", false},

	{"no tbs", setAt([]int{0}, 5, ""), "not a certificate", false},
	{"empty tbs", func(e *element) { e.at(0).parts = []*element{} }, "field of the certificate is missing", false},
	{"no version", setAt([]int{0, 0}, 0xa0, ""), "version", false},
	{"something after the signature", func(e *element) { e.parts = append(e.parts, &element{tag: 5}) }, "not a certificate", false},
	{"a length that is longer than it needs be", func(e *element) { e.at(subject...).long = true }, "field of the certificate is missing", false},
}

func (x edit) apply(t testing.TB) []byte {
	t.Helper()
	e, _ := takeApart(slices.Clone(roottest.NewCA(t, "Root").DER))
	x.change(e)
	return e.encode()
}

func TestParseCertificate(t *testing.T) {
	for _, test := range edits {
		c, err := certs.ParseCertificate(test.apply(t))
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: refused: %v", test.name, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		case err == nil && (c.Quirk() != "") != test.quirk:
			t.Errorf("%s: quirk %q", test.name, c.Quirk())
		case err == nil && (c.X509() == nil) != test.quirk:
			t.Errorf("%s: X509 does not fit the quirk", test.name)
		}
	}
}

// Accepted certificates spoil no bundle: OpenSSL and GnuTLS read all of them,
// also after random changes.
func TestTakenSpoilsNoBundle(t *testing.T) {
	var bundle []byte
	taken := 0
	add := func(der []byte) {
		c, err := certs.ParseCertificate(der)
		if err != nil {
			return
		}
		bundle = c.AppendPEM(bundle)
		if taken++; taken%300 == 0 { // certtool has room for 512
			readByOthers(t, bundle)
			bundle = nil
		}
	}
	for _, test := range edits {
		add(test.apply(t))
	}
	r := rand.New(rand.NewPCG(1, 2))
	ca := roottest.NewCA(t, "Root")
	rounds := 5000
	if testing.Short() {
		rounds = 1000
	}
	for range rounds {
		e, _ := takeApart(bytes.Clone(ca.DER))
		for range 1 + r.IntN(2) {
			e.mutate(r)
		}
		add(e.encode())
	}
	readByOthers(t, bundle)
	if taken < rounds/10 {
		t.Errorf("only %d certificates are taken: the test is not worth much", taken)
	}
}

// readByOthers fails the test if an installed strict reader does not read the
// bundle.
func readByOthers(t *testing.T, bundle []byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "bundle.pem")
	if err := os.WriteFile(file, bundle, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, reader := range [][]string{
		{"openssl", "crl2pkcs7", "-nocrl", "-certfile", file},
		{"certtool", "--certificate-info", "--infile", file},
	} {
		if _, err := exec.LookPath(reader[0]); err != nil {
			t.Logf("%s is not installed", reader[0])
			continue
		}
		if out, err := exec.Command(reader[0], reader[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", reader[0], err, out[max(0, len(out)-300):])
		}
	}
}

// mutate changes a random part.
func (e *element) mutate(r *rand.Rand) {
	for len(e.parts) > 0 && r.IntN(6) > 0 {
		e = e.parts[r.IntN(len(e.parts))]
	}
	switch r.IntN(6) {
	case 0:
		e.tag = byte(r.IntN(40))
	case 1:
		e.set(e.tag, "")
	case 2:
		e.set(e.tag, string(byte(r.IntN(256))))
	case 3:
		e.tag ^= 0x20
	case 4:
		if len(e.parts) > 0 {
			i := r.IntN(len(e.parts))
			e.parts = slices.Insert(slices.Clone(e.parts), i, e.parts[r.IntN(len(e.parts))])
		}
	case 5:
		if data := bytes.Clone(e.data); e.parts == nil && len(data) > 0 {
			data[r.IntN(len(data))] ^= 1 << r.IntN(8)
			e.data = data
		}
	}
}

// OpenSSL refuses each certificate that is refused because of OpenSSL.
func TestRefusedByOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
	for i, test := range edits {
		if testing.Short() && i%5 != 0 {
			continue
		}
		der := test.apply(t)
		_, err := certs.ParseCertificate(der)
		if err == nil || !strings.Contains(err.Error(), "OpenSSL would") || strings.Contains(test.name, "constructed") {
			continue
		}
		cmd := exec.Command("openssl", "x509", "-inform", "DER", "-noout")
		cmd.Stdin = bytes.NewReader(der)
		if cmd.Run() == nil {
			t.Errorf("%s: openssl takes it, but: %v", test.name, err)
		}
	}
}
