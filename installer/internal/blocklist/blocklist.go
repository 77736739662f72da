// Package blocklist reads the certificates that a p11-kit trust policy rejects.
//
// Start with an empty [List]. [List.Read] adds the entries of one file of the policy.
package blocklist

import (
	"bytes"
	"encoding/pem"
	"net/url"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/certgraft/certgraft/certs"
)

// List is the rejected certificates of a policy. The key is the DER of a public key,
// which rejects every certificate with that key, or of an issuer and a serial number.
// The value is the file that rejects it.
type List map[string]string

// Why returns the file that blocks a certificate, if any.
func (d List) Why(c *certs.Certificate) (file string, blocked bool) {
	if file, ok := d[c.PublicKey()]; ok {
		return file, true
	}
	file, blocked = d[c.IssuerAndSerial()]
	return file, blocked
}

// Read adds the certificates that a file blocks: all in it, or only marked ones.
func (d List) Read(data []byte, file string, onlyMarked bool) {
	if !onlyMarked {
		d.add(data, file)
	}
	d.addBlocks(data, file, onlyMarked)
	d.addObjects(string(data), file, onlyMarked)
}

func (d List) add(data []byte, file string) {
	found, _, _ := certs.ParseAll(data) // other data blocks nothing
	for _, c := range found {
		d[c.PublicKey()] = file
		d[c.IssuerAndSerial()] = file
	}
}

// addBlocks reads the PEM blocks of a file, which may also have keys. With onlyMarked
// it reads only certificates that their trust settings trust for nothing.
func (d List) addBlocks(data []byte, file string, onlyMarked bool) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		var der cryptobyte.String
		settings := cryptobyte.String(block.Bytes)
		if settings.ReadASN1Element(&der, asn1.SEQUENCE) && (!onlyMarked || block.Type == "TRUSTED CERTIFICATE" && distrusts(settings)) {
			d.add(der, file)
		}
	}
}

// distrusts reports whether p11-kit reads trust settings as trust for nothing
// (build_openssl_extensions of parser.c): purposes that they do not name are not
// trusted.
func distrusts(settings cryptobyte.String) bool {
	var all, trust, reject, use cryptobyte.String
	var present bool
	if !settings.ReadASN1(&all, asn1.SEQUENCE) || !all.ReadOptionalASN1(&trust, &present, asn1.SEQUENCE) ||
		!all.ReadOptionalASN1(&reject, &present, asn1.Tag(0).ContextSpecific().Constructed()) {
		return false // it has no trust settings
	}
	for trust.ReadASN1Element(&use, asn1.OBJECT_IDENTIFIER) {
		if !bytes.Contains(reject, use) {
			return false
		}
	}
	return true
}

// addObjects reads the objects of a file in p11-kit's own format (persist.c), or only
// objects marked as distrusted. An object names a certificate, a public key, or an
// issuer and serial number.
func (d List) addObjects(text, file string, onlyMarked bool) {
	for _, object := range strings.Split(text, "[p11-kit-object-v1]")[1:] {
		values := persisted(object)
		marked, class := values["x-distrusted"], values["class"]
		if marked != "true" && (onlyMarked || class != "certificate") {
			continue
		}
		d.add([]byte(object), file)
		if block, _ := pem.Decode([]byte(object)); block != nil {
			d[string(block.Bytes)] = file // a public key, perhaps
		}
		d[unquote(values["public-key-info"])] = file
		d[unquote(values["issuer"])+unquote(values["serial-number"])] = file
	}
}

// persisted returns the attributes of an object in p11-kit's own format.
func persisted(object string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(object) {
		if key, value, ok := strings.Cut(line, ":"); ok {
			values[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return values
}

// unquote returns the bytes of a quoted, percent-encoded value, or "" for another
// value.
func unquote(value string) string {
	raw, err := url.PathUnescape(strings.Trim(value, `"`))
	if err != nil {
		return ""
	}
	return raw
}
