// Package edk2 reads and writes the list of certificates that EDK II firmware reads
// for HTTPS boot: EFI_SIGNATURE_LIST of the UEFI specification, one for each
// certificate, as trust extract --format=edk2-cacerts writes it.
//
// Start with [Split].
package edk2

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

var (
	efiX509  = []byte{0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a, 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72}
	efiOwner = []byte{0x50, 0x3b, 0xdd, 0xdc, 0x05, 0xf4, 0xfd, 0x43, 0x96, 0xbe, 0xbd, 0x33, 0xb1, 0x73, 0x47, 0x76}
)

const efiHeader = 16 + 4 + 4 + 4 + 16 // type, sizes of list, header and signature, owner

// Split returns the lists of a file as slices of data.
func Split(data []byte) (lists [][]byte, err error) {
	for len(data) > 0 {
		if len(data) < efiHeader {
			return nil, errors.New("it ends in the middle of a list")
		}
		size := binary.LittleEndian.Uint32(data[16:])
		if size < efiHeader || uint64(size) > uint64(len(data)) {
			return nil, fmt.Errorf("a list of %d bytes where %d are left", size, len(data))
		}
		lists = append(lists, data[:size])
		data = data[size:]
	}
	return lists, nil
}

// Certificate returns the DER in a list, or nil if the list has no X.509 certificate.
func Certificate(list []byte) []byte {
	if !bytes.HasPrefix(list, efiX509) {
		return nil
	}
	return list[efiHeader:]
}

// List returns a list with one certificate.
func List(der []byte) []byte {
	raw := bytes.Clone(efiX509)
	raw = binary.LittleEndian.AppendUint32(raw, uint32(efiHeader+len(der)))
	raw = binary.LittleEndian.AppendUint32(raw, 0)
	raw = binary.LittleEndian.AppendUint32(raw, uint32(len(efiOwner)+len(der)))
	return append(append(raw, efiOwner...), der...)
}
