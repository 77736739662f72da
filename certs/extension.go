package certs

import (
	"errors"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Encoded object identifiers of extensions.
const (
	oidSubjectAltName   = "\x55\x1d\x11"
	oidIssuerAltName    = "\x55\x1d\x12"
	oidBasicConstraints = "\x55\x1d\x13"
	oidExtendedKeyUsage = "\x55\x1d\x25"
)

// longestOID is the longest dotted decimal for GnuTLS's buffer of 128 bytes
// (MAX_OID_SIZE).
const longestOID = 126

// surelyShortOID is an encoded length that never exceeds longestOID: a byte
// takes up to four characters, and the first byte two more.
const surelyShortOID = (longestOID - 2) / 4

// readExtensions reads a list of extensions. While loading, GnuTLS refuses
// repeated extensions and malformed alternative names.
func (f *fields) readExtensions(list cryptobyte.String) error {
	f.extensions = list
	seen := make(map[string]bool, 8)
	for !list.Empty() {
		oid, value, ok := readExtension(&list)
		if !ok {
			return errors.New("damaged DER: an extension")
		}
		switch {
		case seen[oid]:
			return errors.New("an extension stands twice" + byGnuTLS)
		case len(oid) > surelyShortOID && len(dotted([]byte(oid))) > longestOID:
			return errors.New("the identifier of an extension is too long" + byGnuTLS)
		}
		seen[oid] = true
		switch oid {
		case oidBasicConstraints:
			f.ca = readCA(value)
		case oidSubjectAltName, oidIssuerAltName:
			if !validGeneralNames(value) {
				return errors.New("its alternative names are malformed" + byGnuTLS)
			}
		}
	}
	return nil
}

// Extension returns the content of the extension with an object identifier in
// dotted decimal, such as 2.5.29.15. ok is false if the certificate lacks it.
func (c *Certificate) Extension(oid string) (value []byte, ok bool) {
	return c.extension(func(encoded string) bool { return dotted([]byte(encoded)) == oid })
}

func (c *Certificate) extension(is func(encoded string) bool) (value cryptobyte.String, ok bool) {
	for list := c.extensions; !list.Empty(); {
		if oid, value, ok := readExtension(&list); ok && is(oid) {
			return value, true
		}
	}
	return nil, false
}

func readExtension(list *cryptobyte.String) (oid string, value cryptobyte.String, ok bool) {
	var ext, id, critical cryptobyte.String
	var present bool
	ok = list.ReadASN1(&ext, asn1.SEQUENCE) && ext.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) && validOID(id) &&
		ext.ReadOptionalASN1(&critical, &present, asn1.BOOLEAN) && (!present || len(critical) == 1) &&
		ext.ReadASN1(&value, asn1.OCTET_STRING) && ext.Empty()
	return string(id), value, ok
}

// readCA returns the field cA of the basic constraints.
func readCA(value cryptobyte.String) bool {
	var seq cryptobyte.String
	var ca bool
	return value.ReadASN1(&seq, asn1.SEQUENCE) && seq.PeekASN1Tag(asn1.BOOLEAN) && seq.ReadASN1Boolean(&ca) && ca
}

// validGeneralNames reports whether value is a list of names in RFC 5280,
// section 4.2.1.6, that GnuTLS reads. It refuses X.400 addresses and EDI party
// names, which no known certificate has.
func validGeneralNames(value cryptobyte.String) bool {
	var list cryptobyte.String
	if !value.ReadASN1(&list, asn1.SEQUENCE) || !value.Empty() {
		return false
	}
	for !list.Empty() {
		var contents cryptobyte.String
		var tag asn1.Tag
		if !list.ReadAnyASN1(&contents, &tag) || !validGeneralName(tag, contents) {
			return false
		}
	}
	return true
}

func validGeneralName(tag asn1.Tag, contents cryptobyte.String) bool {
	switch tag {
	case 0xa0: // otherName
		var oid, explicit, any cryptobyte.String
		var inner asn1.Tag
		return contents.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) && validOID(oid) &&
			contents.ReadASN1(&explicit, asn1.Tag(0).ContextSpecific().Constructed()) && contents.Empty() &&
			explicit.ReadAnyASN1(&any, &inner) && explicit.Empty()
	case 0x81, 0x82, 0x86, 0x87: // rfc822Name, dNSName, uniformResourceIdentifier, iPAddress
		return len(contents) > 0
	case 0xa4: // directoryName
		_, err := parseName([]byte(contents))
		return err == nil
	case 0x88: // registeredID
		return validOID(contents)
	}
	return false
}
