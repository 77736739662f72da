package probe

import (
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// startLDAP sends the extended request StartTLS (RFC 4511, section 4.14).
func startLDAP(w *wire) error {
	if err := w.send("\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"); err != nil {
		return err
	}
	message, err := ldapMessage(w)
	if err != nil {
		return err
	}
	var id, code int
	var response, text cryptobyte.String
	if !message.ReadASN1Integer(&id) || !message.ReadASN1(&response, asn1.Tag(0x78)) ||
		!response.ReadASN1Enum(&code) || !response.SkipASN1(asn1.OCTET_STRING) || !response.ReadASN1(&text, asn1.OCTET_STRING) {
		return nonsense{"it answers StartTLS with something that is not LDAP's"}
	}
	if code != 0 {
		return withoutTLS{fmt.Sprintf("the LDAP server refuses StartTLS: result %d %s", code, quote(string(text)))}
	}
	return nil
}

// ldapMessage reads the contents of one LDAPMessage. Its length may have the
// longer forms of BER.
func ldapMessage(w *wire) (cryptobyte.String, error) {
	head, err := w.take(2)
	if err != nil {
		return nil, err
	}
	if head[0] != 0x30 {
		return nil, nonsense{fmt.Sprintf("it said %s, which is not LDAP", quote(string(head)))}
	}
	size := int(head[1])
	if head[1] >= 0x80 {
		n := int(head[1] & 0x7f)
		if n < 1 || n > 4 {
			return nil, nonsense{"its LDAP message has an impossible length"}
		}
		more, err := w.take(n)
		if err != nil {
			return nil, err
		}
		size = int(binary.BigEndian.Uint32(append(make([]byte, 4-n), more...)))
	}
	return w.take(size)
}

// Names of XMPP (RFC 6120).
const (
	xmppStream = "http://etherx.jabber.org/streams"
	xmppTLS    = "urn:ietf:params:xml:ns:xmpp-tls"
)

// startXMPP opens a stream, finds starttls among its features and asks for it (RFC
// 6120, section 5).
func startXMPP(namespace string) func(*wire) error {
	return func(w *wire) error {
		var to strings.Builder
		_ = xml.EscapeText(&to, []byte(w.host)) // a builder accepts all text
		open := fmt.Sprintf("<?xml version='1.0'?><stream:stream to='%s' version='1.0' xmlns='%s' xmlns:stream='%s'>", &to, namespace, xmppStream)
		if err := w.send(open); err != nil {
			return err
		}
		d := xml.NewDecoder(w)
		offered, err := xmppOffered(d)
		switch {
		case err != nil:
			return err
		case !offered:
			return withoutTLS{"the XMPP server does not offer starttls"}
		}
		if err := w.send("<starttls xmlns='" + xmppTLS + "'/>"); err != nil {
			return err
		}
		answer, err := xmppElement(d)
		switch {
		case err != nil:
			return err
		case answer.Name == xml.Name{Space: xmppTLS, Local: "proceed"}:
			return d.Skip() // up to the end of the element, and no further
		}
		return withoutTLS{"the XMPP server refuses starttls: it answers " + quote(answer.Name.Local)}
	}
}

// xmppOffered reads the features of the stream, and reports whether they contain
// starttls.
func xmppOffered(d *xml.Decoder) (bool, error) {
	for {
		element, err := xmppElement(d)
		switch {
		case err != nil:
			return false, err
		case element.Name.Local == "stream":
			continue
		case element.Name == xml.Name{Space: xmppStream, Local: "error"}:
			return false, xmppRefusal(d, element)
		case element.Name.Local != "features":
			return false, nonsense{fmt.Sprintf("it said %s where XMPP has <features>", quote("<"+element.Name.Local+">"))}
		}
		var features struct {
			StartTLS *struct{} `xml:"urn:ietf:params:xml:ns:xmpp-tls starttls"`
		}
		if err := d.DecodeElement(&features, &element); err != nil {
			return false, xmppError(err)
		}
		return features.StartTLS != nil, nil
	}
}

// xmppRefusal reads a stream error (RFC 6120, section 4.9). One reason is a host
// that the server does not have.
func xmppRefusal(d *xml.Decoder, element xml.StartElement) error {
	var stream struct {
		Conditions []struct {
			XMLName xml.Name
			Text    string `xml:",chardata"`
		} `xml:",any"`
	}
	if err := d.DecodeElement(&stream, &element); err != nil {
		return xmppError(err)
	}
	var words []string
	for _, c := range stream.Conditions {
		if c.XMLName.Local == "text" {
			words = append(words, c.Text)
		} else {
			words = append(words, c.XMLName.Local)
		}
	}
	return nonsense{"the XMPP server wants no stream: " + quote(strings.Join(words, ": ")) + "; the host that it is asked for is the one of --servername"}
}

// xmppElement reads to the start of the next element.
func xmppElement(d *xml.Decoder) (xml.StartElement, error) {
	for {
		token, err := d.Token()
		if err != nil {
			return xml.StartElement{}, xmppError(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			return e, nil
		case xml.EndElement:
			return xml.StartElement{}, nonsense{"the XMPP server ends the stream"}
		}
	}
}

// xmppError distinguishes text that is not XML from a missing answer.
func xmppError(err error) error {
	if _, ok := errors.AsType[*xml.SyntaxError](err); ok && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nonsense{"it does not speak XMPP: " + quote(err.Error())}
	}
	return err
}

// startNATS reads the line INFO, the greeting of a NATS server. The client then
// begins with TLS at once.
func startNATS(w *wire) error {
	line, err := w.line()
	if err != nil {
		return err
	}
	text, ok := strings.CutPrefix(line, "INFO ")
	var info struct {
		Required  bool `json:"tls_required"`
		Available bool `json:"tls_available"`
	}
	if !ok || json.Unmarshal([]byte(text), &info) != nil {
		return nonsense{fmt.Sprintf("it said %s, which is not NATS's greeting", quote(line))}
	}
	if !info.Required && !info.Available {
		return withoutTLS{"the NATS server does not offer TLS"}
	}
	return nil
}
