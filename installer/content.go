package installer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/certgraft/certgraft/certs"
)

// format is a kind of file that holds certificates and is read and written as a
// whole, unlike bundles, whose bytes stay.
type format struct {
	name string
	open func(e *edit, name string, data []byte) (content, error)
}

// content is such a file.
type content interface {
	held() *certs.Set
	add(w wanted) error
	drop(gone map[certs.Fingerprint]bool) error
	encode() ([]byte, error)
}

// openFile reads a file of a format; nil content where there is no file.
func (e *edit) openFile(name string, as format) (content, error) {
	data, err := readIfThere(e.root, name)
	if err != nil || data == nil {
		return nil, err
	}
	c, err := as.open(e, name, data)
	if err != nil {
		if h, ok := errors.AsType[hinted](err); ok {
			return nil, hinted{fmt.Errorf("/%s: %w", name, h.error), h.hint}
		}
		return nil, hinted{fmt.Errorf("/%s is no %s that can be edited: %w", name, as.name, err), "restore it, or take it away, or edit the other stores alone with --keep-going"}
	}
	return c, nil
}

// extendFile adds to a file what is wanted and not in it, and reads it back.
func (e *edit) extendFile(store, name string, as format, want []wanted) error {
	real, err := e.root.Resolve(name)
	if err != nil {
		return err
	}
	c, err := e.openFile(real, as)
	if err != nil || c == nil {
		return err
	}
	before := c.held()
	report := StoreReport{Name: store, Path: "/" + real, Total: before.Len()}
	for _, w := range want {
		if before.Has(w.Fingerprint()) {
			report.Present++
			continue
		}
		if err := c.add(w); err != nil {
			return fmt.Errorf("/%s: %w", real, err)
		}
		e.record.added(w.Certificate, storeOf(store, real))
		report.Added++
	}
	if report.Added > 0 {
		if report.Total, err = e.rewrite(real, as, c, want, before); err != nil {
			return err
		}
	}
	e.report.add(report)
	return nil
}

// rewrite writes an edited file and finds in what was written all that there
// was and all that is wanted.
func (e *edit) rewrite(name string, as format, c content, want []wanted, before *certs.Set) (total int, err error) {
	data, err := c.encode()
	if err != nil {
		return 0, fmt.Errorf("write /%s: %w", name, err)
	}
	if err := e.root.WriteFile(name, data, 0o644); err != nil {
		return 0, err
	}
	again, err := e.openFile(name, as)
	if err != nil {
		return 0, err
	}
	needed := &certs.Set{}
	for _, w := range want {
		needed.Add(w.Certificate, "")
	}
	for c := range before.All() {
		needed.Add(c, "")
	}
	held := again.held()
	for c := range needed.All() {
		if !held.Has(c.Fingerprint()) {
			return 0, fmt.Errorf("/%s was edited and does not hold %s: nothing was changed; please report this", name, c.Subject())
		}
	}
	return held.Len(), nil
}

// shrinkFile takes gone out of a file, as far as this program added it.
func (e *edit) shrinkFile(store, name string, as format, gone map[certs.Fingerprint]bool) error {
	c, err := e.openFile(name, as)
	if err != nil || c == nil {
		return err
	}
	before := c.held().Len()
	out := map[certs.Fingerprint]bool{}
	for f := range e.record.in(storeOf(store, name)) {
		out[f] = gone[f]
	}
	if err := c.drop(out); err != nil {
		return fmt.Errorf("/%s: %w", name, err)
	}
	left := c.held().Len()
	e.report.add(StoreReport{Name: store, Path: "/" + name, Removed: before - left, Total: left})
	if left == before {
		return nil
	}
	data, err := c.encode()
	if err != nil {
		return fmt.Errorf("write /%s: %w", name, err)
	}
	return e.root.WriteFile(name, data, 0o644)
}

// edk2 is the list of certificates that EDK II firmware reads for HTTPS boot:
// EFI_SIGNATURE_LIST of the UEFI specification, one for each certificate, as
// trust extract --format=edk2-cacerts writes it.
var edk2 = format{"list of certificates for firmware", openEDK2}

var (
	efiX509  = []byte{0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a, 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72}
	efiOwner = []byte{0x50, 0x3b, 0xdd, 0xdc, 0x05, 0xf4, 0xfd, 0x43, 0x96, 0xbe, 0xbd, 0x33, 0xb1, 0x73, 0x47, 0x76}
)

const efiHeader = 16 + 4 + 4 + 4 + 16 // type, sizes of list, header and signature, owner

type edk2File struct{ lists []edk2List }

type edk2List struct {
	raw  []byte
	cert *certs.Certificate // nil where it is none
}

func openEDK2(e *edit, _ string, data []byte) (content, error) {
	f := &edk2File{}
	for len(data) > 0 {
		if len(data) < efiHeader {
			return nil, errors.New("it ends in the middle of a list")
		}
		size := binary.LittleEndian.Uint32(data[16:])
		if size < efiHeader || uint64(size) > uint64(len(data)) {
			return nil, fmt.Errorf("a list of %d bytes where %d are left", size, len(data))
		}
		list := edk2List{raw: data[:size]}
		if bytes.HasPrefix(data, efiX509) {
			list.cert, _ = e.reader.Parse(data[efiHeader:size])
		}
		f.lists = append(f.lists, list)
		data = data[size:]
	}
	return f, nil
}

func (f *edk2File) held() *certs.Set {
	set := &certs.Set{}
	for _, l := range f.lists {
		if l.cert != nil {
			set.Add(l.cert, "")
		}
	}
	return set
}

func (f *edk2File) add(w wanted) error {
	n := len(w.Raw)
	raw := bytes.Clone(efiX509)
	raw = binary.LittleEndian.AppendUint32(raw, uint32(efiHeader+n))
	raw = binary.LittleEndian.AppendUint32(raw, 0)
	raw = binary.LittleEndian.AppendUint32(raw, uint32(len(efiOwner)+n))
	f.lists = append(f.lists, edk2List{append(append(raw, efiOwner...), w.Raw...), w.Certificate})
	return nil
}

func (f *edk2File) drop(gone map[certs.Fingerprint]bool) error {
	var left []edk2List
	for _, l := range f.lists {
		if l.cert == nil || !gone[l.cert.Fingerprint()] {
			left = append(left, l)
		}
	}
	f.lists = left
	return nil
}

func (f *edk2File) encode() ([]byte, error) {
	var out []byte
	for _, l := range f.lists {
		out = append(out, l.raw...)
	}
	return out, nil
}
