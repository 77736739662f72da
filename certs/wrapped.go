package certs

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"path"
	"slices"
	"strings"
	"unicode/utf16"
)

// Bounds of a ZIP archive, so that one made to exhaust memory does not.
const (
	maxEntries   = 4096
	maxEntrySize = 8 << 20
	maxTotal     = 64 << 20
)

// parseZIP reads the files of an archive in order of their names; a file in
// which there is no certificate, a README say, is passed over.
func parseZIP(data []byte, emit emitter, depth int) bool {
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return emit(nil, skipped("damaged ZIP archive"))
	}
	if len(r.File) > maxEntries {
		return emit(nil, skipped("a ZIP archive of more than %d files", maxEntries))
	}
	slices.SortFunc(r.File, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	total := 0
	for _, f := range r.File {
		if f.FileInfo().IsDir() || strings.HasPrefix(path.Base(f.Name), ".") {
			continue
		}
		content, err := readEntry(f)
		if total += len(content); err != nil || total > maxTotal {
			return emit(nil, skipped("%s in the ZIP archive is damaged or too large", printable(f.Name)))
		}
		if !parse(content, emit, depth+1) {
			return false
		}
	}
	return true
}

func readEntry(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	content, err := io.ReadAll(io.LimitReader(r, maxEntrySize+1))
	if len(content) > maxEntrySize {
		err = zip.ErrFormat
	}
	return content, err
}

// parseJSON reads the strings of a JSON document that are certificates in
// base64, as the APIs of several providers return them. Strings that hold PEM
// never get here: [parsePEM] reads them where they stand.
func parseJSON(data []byte, emit emitter, depth int) bool {
	var document any
	if json.Unmarshal(data, &document) != nil {
		return true
	}
	return parseValue(document, noting(emit, "it was a string of a JSON document"), depth)
}

func parseValue(value any, emit emitter, depth int) bool {
	switch v := value.(type) {
	case string:
		decoded, ok := decodeBase64([]byte(v))
		return !ok || parse(decoded, emit, depth+1)
	case []any:
		return !slices.ContainsFunc(v, func(e any) bool { return !parseValue(e, emit, depth) })
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		return !slices.ContainsFunc(keys, func(k string) bool { return !parseValue(v[k], emit, depth) })
	}
	return true
}

// decodeBase64 decodes text that is base64 and nothing else, and long enough
// not to be a word.
func decodeBase64(text []byte) ([]byte, bool) {
	const shortest = 100
	packed := bytes.Join(bytes.Fields(text), nil)
	if len(packed) < shortest || slices.ContainsFunc(packed, notBase64) {
		return nil, false
	}
	decoded, err := base64.StdEncoding.DecodeString(string(packed))
	if err != nil {
		decoded, err = base64.RawStdEncoding.DecodeString(string(packed))
	}
	return decoded, err == nil
}

// decodeUTF16 returns UTF-16 text as UTF-8. Without a byte order mark it is
// known by the zero bytes of its ASCII characters.
func decodeUTF16(data []byte) ([]byte, bool) {
	if len(data) < 4 {
		return nil, false
	}
	high := 0 // index of the byte that is zero for ASCII
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
