package certs

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// jsonString is a string of a JSON document, and its line.
type jsonString struct {
	text string
	line int
}

func looksLikeJSON(text []byte) bool {
	return len(text) > 0 && bytes.IndexByte([]byte(`{["`), text[0]) >= 0
}

// jsonStrings returns the strings of one or more JSON documents, in order.
func jsonStrings(text []byte) (found []jsonString, ok bool) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	line, counted := 1, 0
	for {
		token, err := decoder.Token()
		if err != nil {
			return found, errors.Is(err, io.EOF)
		}
		s, isString := token.(string)
		if !isString {
			continue
		}
		offset := int(decoder.InputOffset())
		line, counted = line+countLines(text[counted:offset]), offset
		found = append(found, jsonString{s, line})
	}
}

// readJSON reads certificates in the strings of a JSON document, in PEM or
// base64. APIs of several providers return them so.
func (r reader) readJSON(found []jsonString) bool {
	if isPrivateJWK(found) {
		return r.emit(nil, refusedKey())
	}
	r = r.unwrapped("it was a string of a JSON document")
	for i, s := range found {
		if i > 0 && found[i-1].text == "client-certificate-data" { // kubeconfig: not a CA
			continue
		}
		if !r.onLine(s.line).read([]byte(s.text)) {
			return false
		}
	}
	return true
}

// isPrivateJWK recognises private keys of RFC 7517 by the names of their
// members.
func isPrivateJWK(found []jsonString) bool {
	seen := map[string]bool{}
	for _, s := range found {
		if len(s.text) <= len("kty") {
			seen[s.text] = true
		}
	}
	return seen["kty"] && (seen["d"] || seen["k"])
}
