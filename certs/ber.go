package certs

import (
	"bytes"
	"errors"
)

// maxNesting bounds the depth of BER: signed data needs about twelve.
const maxNesting = 64

var errBER = errors.New("not BER")

// toDER reads the first BER element of data and returns it with definite
// lengths, and what follows it. Elements that hold no indefinite length stay as
// they are to the byte, so that certificates in it keep their signatures.
func toDER(data []byte, depth int) (der, rest []byte, err error) {
	if depth > maxNesting {
		return nil, nil, errors.New("nested too deep")
	}
	header, length, err := berHeader(data)
	if err != nil {
		return nil, nil, err
	}
	constructed := data[0]&0x20 != 0
	switch body := data[header:]; {
	case length < 0 && !constructed:
		return nil, nil, errBER
	case length < 0:
		return convertIndefinite(data[0], body, depth)
	case length > len(body):
		return nil, nil, errors.New("it ends too early")
	case !constructed || !bytes.Contains(body[:length], []byte{0x80}):
		return data[:header+length], body[length:], nil
	default:
		return convertDefinite(data[:header+length], header, depth)(body[length:])
	}
}

// berHeader returns the size of tag and length, and the length; -1 for the
// indefinite form.
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
	return 2 + n, length, nil
}

// convertIndefinite converts the elements up to the end-of-contents mark.
func convertIndefinite(tag byte, body []byte, depth int) (der, rest []byte, err error) {
	var contents []byte
	for {
		if len(body) >= 2 && body[0] == 0 && body[1] == 0 {
			return appendElement(nil, tag, contents), body[2:], nil
		}
		element, after, err := toDER(body, depth+1)
		if err != nil {
			return nil, nil, err
		}
		contents, body = append(contents, element...), after
	}
}

// convertDefinite converts the elements in a constructed one of known length.
func convertDefinite(element []byte, header, depth int) func(rest []byte) ([]byte, []byte, error) {
	return func(rest []byte) ([]byte, []byte, error) {
		var contents []byte
		for body := element[header:]; len(body) > 0; {
			inner, after, err := toDER(body, depth+1)
			if err != nil {
				return nil, nil, err
			}
			contents, body = append(contents, inner...), after
		}
		if bytes.Equal(contents, element[header:]) {
			return element, rest, nil
		}
		return appendElement(nil, element[0], contents), rest, nil
	}
}

func appendElement(dst []byte, tag byte, contents []byte) []byte {
	dst = append(dst, tag)
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
