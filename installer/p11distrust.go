package installer

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/certgraft/certgraft/certs"
)

// distrust is what a p11-kit trust policy does not want trusted: the file that
// says so, by public key, whatever else is certified with it, and by issuer and
// serial number, in DER.
type distrust map[string]string

func (d distrust) why(c *certs.Certificate) (string, bool) {
	if file, ok := d[c.PublicKey()]; ok {
		return file, true
	}
	file, ok := d[c.IssuerAndSerial()]
	return file, ok
}

// refuseBlocked returns an error if the trust policy in dirs blocks what is
// wanted. What is installed all the same is lost when rebuild next runs.
func (e *edit) refuseBlocked(dirs []string, rebuild string, want []wanted) error {
	blocks, err := e.blocklist(dirs)
	if err != nil {
		return err
	}
	for _, w := range want {
		file, blocked := blocks.why(w.Certificate)
		switch {
		case !blocked:
		case e.opt.OverrideBlocklist:
			e.warn("%s is installed although /%s blocks it, and is lost again when %s next runs", w.Subject(), file, rebuild)
		default:
			return blockedBy(w.Certificate, file)
		}
	}
	return nil
}

func blockedBy(c *certs.Certificate, file string) error { return blocked(c, "/"+file+" blocks it") }

// blocklist reads the directories of blocked certificates in dirs, which older
// versions of p11-kit name otherwise, and what the files of the other ones
// distrust.
func (e *edit) blocklist(dirs []string) (distrust, error) {
	d := distrust{}
	for _, dir := range dirs {
		for _, sub := range []string{"", "anchors", "blocklist", "blacklist"} {
			if err := d.read(e, path.Join(dir, sub), sub == "" || sub == "anchors"); err != nil {
				return d, err
			}
		}
	}
	return d, nil
}

// read adds what the files of a directory block: all that they hold, or only
// what they say so of.
func (d distrust) read(e *edit, dir string, onlyMarked bool) error {
	files, err := filesIn(e.root, dir, func(fs.DirEntry) bool { return true })
	if err != nil {
		return fmt.Errorf("read the blocklist: %w", err)
	}
	e.warnNotUTF8(dir)
	for _, f := range files {
		data, name := f.data, f.name()
		if !onlyMarked {
			d.add(data, name)
		}
		d.addBlocks(data, name, onlyMarked)
		d.addObjects(string(data), name, onlyMarked)
	}
	return nil
}

func (d distrust) add(data []byte, file string) {
	found, _, _ := certs.ParseAll(data) // what is none blocks nothing
	for _, c := range found {
		d[c.PublicKey()] = file
		d[c.IssuerAndSerial()] = file
	}
}

// addBlocks reads the PEM blocks of a file, keys beside them or not, or only
// those that their trust settings trust for nothing.
func (d distrust) addBlocks(data []byte, file string, onlyMarked bool) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		var der cryptobyte.String
		settings := cryptobyte.String(block.Bytes)
		if settings.ReadASN1Element(&der, asn1.SEQUENCE) && (!onlyMarked || block.Type == "TRUSTED CERTIFICATE" && distrusts(settings)) {
			d.add(der, file)
		}
	}
}

// distrusts reports whether p11-kit reads trust settings as trust for nothing
// (build_openssl_extensions of parser.c): what they do not name is not trusted.
func distrusts(settings cryptobyte.String) bool {
	var all, trust, reject, use cryptobyte.String
	var present bool
	if !settings.ReadASN1(&all, asn1.SEQUENCE) || !all.ReadOptionalASN1(&trust, &present, asn1.SEQUENCE) ||
		!all.ReadOptionalASN1(&reject, &present, asn1.Tag(0).ContextSpecific().Constructed()) {
		return false // none
	}
	for trust.ReadASN1Element(&use, asn1.OBJECT_IDENTIFIER) {
		if !bytes.Contains(reject, use) {
			return false
		}
	}
	return true
}

// addObjects reads the objects of a file in p11-kit's own format (persist.c), or
// only those that are marked as distrusted: by certificate, by public key, or by
// issuer and serial number.
func (d distrust) addObjects(text, file string, onlyMarked bool) {
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

// unquote returns the bytes of a quoted value, which are percent-encoded; ""
// where it is none.
func unquote(value string) string {
	raw, err := url.PathUnescape(strings.Trim(value, `"`))
	if err != nil {
		return ""
	}
	return raw
}
