package installer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/certgraft/certgraft/certs"
)

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

func openEDK2(e *edit, _, _ string, data []byte) (content, error) {
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

func (f *edk2File) drop(w *withdrawal) error {
	f.lists = slices.DeleteFunc(f.lists, func(l edk2List) bool { return l.cert != nil && w.takes(l.cert) })
	return nil
}

func (f *edk2File) encode() ([]byte, error) {
	var out []byte
	for _, l := range f.lists {
		out = append(out, l.raw...)
	}
	return out, nil
}
