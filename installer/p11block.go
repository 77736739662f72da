package installer

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"strings"

	"github.com/certgraft/certgraft/certs"
)

// distrust is what a p11-kit trust policy does not want trusted.
type distrust struct {
	prints  map[certs.Fingerprint]string // the file that says so
	serials map[string]string            // by issuer and serial number, DER
}

func (d distrust) why(c *certs.Certificate) (string, bool) {
	if file, ok := d.prints[c.Fingerprint()]; ok {
		return file, true
	}
	file, ok := d.serials[c.IssuerAndSerial()]
	return file, ok
}

// refuse returns an error if the trust policy of the root blocks what is wanted.
func (s p11Store) refuse(e *edit, want []wanted) error {
	blocks, err := s.blocklist(e)
	if err != nil {
		return err
	}
	for _, w := range want {
		file, blocked := blocks.why(w.Certificate)
		switch {
		case !blocked:
		case e.opt.OverrideBlocklist:
			e.warn("%s is installed although /%s blocks it, and is lost again when %s next runs", w.Subject(), file, s.rebuild)
		default:
			return blockedBy(w.Certificate, file)
		}
	}
	return nil
}

func blockedBy(c *certs.Certificate, file string) error { return blocked(c, "/"+file+" blocks it") }

// blocklist reads the directories of blocked certificates, which older versions
// of p11-kit name otherwise, and what the files beside them distrust.
func (s p11Store) blocklist(e *edit) (distrust, error) {
	d := distrust{prints: map[certs.Fingerprint]string{}, serials: map[string]string{}}
	for _, dir := range s.trust {
		if err := d.read(e, dir, true); err != nil {
			return d, err
		}
		for _, sub := range []string{"blocklist", "blacklist"} {
			if err := d.read(e, path.Join(dir, sub), false); err != nil {
				return d, err
			}
		}
	}
	return d, nil
}

// read adds what the files of a directory block: all that they hold, or only
// what they say so of.
func (d distrust) read(e *edit, dir string, onlyMarked bool) error {
	entries, err := e.root.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the blocklist: %w", err)
	}
	e.nameUnread(dir)
	for _, entry := range entries {
		name := path.Join(dir, entry.Name())
		if !leadsToFile(e.root, name) {
			continue
		}
		data, err := e.root.ReadFile(name)
		if err != nil {
			return fmt.Errorf("read the blocklist: %w", err)
		}
		if !onlyMarked {
			d.add(data, name)
		}
		d.addMarked(string(data), name)
	}
	return nil
}

func (d distrust) add(data []byte, file string) {
	found, _, _ := certs.ParseAll(data) // what is none blocks nothing
	for _, c := range found {
		d.prints[c.Fingerprint()] = file
	}
}

// addMarked reads the objects of a file in p11-kit's own format (persist.c) that
// are marked as distrusted: by certificate, or by issuer and serial number.
func (d distrust) addMarked(text, file string) {
	const header = "[p11-kit-object-v1]"
	if !strings.Contains(text, header) {
		return
	}
	for object := range strings.SplitSeq(text, header) {
		values := persisted(object)
		if values["x-distrusted"] != "true" {
			continue
		}
		d.add([]byte(object), file)
		issuer, serial := unquote(values["issuer"]), unquote(values["serial-number"])
		if issuer != "" && serial != "" {
			d.serials[issuer+serial] = file
		}
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
