package certs

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"unicode/utf16"
)

// decodeBase64 decodes text that is only base64, and too long for a word.
func decodeBase64(text []byte) ([]byte, bool) {
	const shortest = 60 // the shortest private key has 64
	if len(text) < shortest {
		return nil, false
	}
	packed := make([]byte, 0, len(text))
	for _, c := range text {
		switch {
		case isBase64(c):
			packed = append(packed, c)
		case !isPadding(c):
			return nil, false
		}
	}
	decoded, err := base64.StdEncoding.DecodeString(string(packed))
	if err != nil {
		decoded, err = base64.RawStdEncoding.DecodeString(string(packed))
	}
	return decoded, err == nil && len(packed) >= shortest
}

// decodeUTF16 returns UTF-16 text as UTF-8. Without a byte order mark it
// recognises the text by the zero bytes of ASCII characters.
func decodeUTF16(data []byte) ([]byte, bool) {
	if len(data) < 4 {
		return nil, false
	}
	high := 0 // index of the byte that is zero in ASCII characters
	switch {
	case data[0] == 0xff && data[1] == 0xfe:
		high, data = 1, data[2:]
	case data[0] == 0xfe && data[1] == 0xff:
		data = data[2:]
	case data[0] == 0 && data[1] != 0 && data[2] == 0 && data[3] != 0:
	case data[0] != 0 && data[1] == 0 && data[2] != 0 && data[3] == 0:
		high = 1
	default:
		return nil, false
	}
	units := make([]uint16, 0, len(data)/2)
	for ; len(data) >= 2; data = data[2:] {
		units = append(units, uint16(data[high])<<8|uint16(data[1-high]))
	}
	return []byte(string(utf16.Decode(units))), true
}

// isBinary reports whether data, apart from padding, is not text.
func isBinary(data []byte) bool {
	return slices.ContainsFunc(bytes.Trim(data, padding), func(c byte) bool { return c < ' ' && !isPadding(c) || c == 0 })
}

func isPadding(c byte) bool { return strings.IndexByte(padding, c) >= 0 }
