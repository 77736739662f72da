package certs

import (
	"bytes"
	"errors"
	"slices"
)

// maxNesting bounds the depth of BER. Signed data needs about 12.
const maxNesting = 64

var errBER = errors.New("not BER")

// toDER reads the first BER element of data. It returns the element with
// definite lengths, and the rest of data. An element without an indefinite
// length keeps its bytes, so the signatures of certificates in it stay valid.
// An element that is not valid BER inside keeps its bytes too: its reader
// judges it.
func toDER(data []byte, depth int) (der, rest []byte, err error) {
	header, length, err := berHeader(data)
	if err != nil {
		return nil, nil, err
	}
	constructed := data[0]&0x20 != 0
	switch body := data[header:]; {
	case depth > maxNesting:
		return nil, nil, errors.New("nested too deep")
	case length > len(body):
		return nil, nil, errors.New("it ends too early")
	case length < 0 && !constructed:
		return nil, nil, errBER
	case length < 0:
		contents, rest, err := convert(body, depth+1, true)
		return appendElement(nil, data[0], contents), rest, err
	default:
		element, inner := data[:header+length], body[:length]
		if constructed && bytes.IndexByte(inner, 0x80) >= 0 {
			contents, _, err := convert(inner, depth+1, false)
			if err == nil && !bytes.Equal(contents, inner) {
				element = appendElement(nil, data[0], contents)
			}
		}
		return element, body[length:], nil
	}
}

// convert converts the elements of data. If marked is set, it stops at the
// end-of-contents mark.
func convert(data []byte, depth int, marked bool) (contents, rest []byte, err error) {
	for marked || len(data) > 0 {
		if marked && bytes.HasPrefix(data, []byte{0, 0}) {
			return contents, data[2:], nil
		}
		element, after, err := toDER(data, depth)
		if err != nil {
			return nil, nil, err
		}
		contents, data = append(contents, element...), after
	}
	return contents, nil, nil
}

// berHeader returns the size of tag and length, and the length, which is -1 for
// the indefinite form.
func berHeader(data []byte) (size, length int, err error) {
	if len(data) < 2 || data[0]&0x1f == 0x1f {
		return 0, 0, errBER
	}
	n := int(data[1])
	switch {
	case n == 0x80:
		return 2, -1, nil
	case n < 0x80:
		return 2, n, nil
	}
	n &= 0x7f
	if n > 4 || len(data) < 2+n {
		return 0, 0, errBER
	}
	for _, b := range data[2 : 2+n] {
		length = length<<8 | int(b)
	}
	if length < 0 { // on 32-bit machines
		return 0, 0, errBER
	}
	return 2 + n, length, nil
}

// appendElement appends the DER element of a tag and its contents.
func appendElement(dst []byte, tag byte, contents []byte) []byte {
	const longestHeader = 6
	dst = append(slices.Grow(dst, longestHeader+len(contents)), tag)
	switch n := len(contents); {
	case n < 0x80:
		dst = append(dst, byte(n))
	case n < 1<<8:
		dst = append(dst, 0x81, byte(n))
	case n < 1<<16:
		dst = append(dst, 0x82, byte(n>>8), byte(n))
	case n < 1<<24:
		dst = append(dst, 0x83, byte(n>>16), byte(n>>8), byte(n))
	default:
		dst = append(dst, 0x84, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(dst, contents...)
}
