package pemfile

import "strings"

// Cut is a change of a file: at Offset of the original file, Was became Now.
type Cut struct {
	Offset int    `json:"offset"`
	Was    []byte `json:"was"` // base64 in JSON, because damaged bytes need not be text
	Now    string `json:"now"`
}

// done says what the change did to a block.
func (c Cut) done() string {
	switch {
	case strings.Contains(c.Now, "-----BEGIN "):
		return "it was written anew, and the record keeps what it was"
	case c.Now == "\n" && len(c.Was) <= len("\ufeff"):
		return "it was set on a line of its own"
	}
	return "it was taken out, and the record keeps it"
}

// Patch makes the changes.
func Patch(data []byte, cuts []Cut) []byte {
	var out []byte
	at := 0
	for _, c := range cuts {
		out = append(append(out, data[at:c.Offset]...), c.Now...)
		at = c.Offset + len(c.Was)
	}
	return append(out, data[at:]...)
}

// Unpatch undoes [Patch].
func Unpatch(data []byte, cuts []Cut) []byte {
	var out []byte
	at, grown := 0, 0
	for _, c := range cuts {
		start := c.Offset + grown
		if start < at || start+len(c.Now) > len(data) {
			return data
		}
		out = append(append(out, data[at:start]...), c.Was...)
		at = start + len(c.Now)
		grown += len(c.Now) - len(c.Was)
	}
	return append(out, data[at:]...)
}
