package pemfile

import (
	"slices"
	"strings"
)

// Cut is a change to a file: at Offset of the file as it was, Was became Now.
type Cut struct {
	Offset int    `json:"offset"`
	Was    []byte `json:"was"` // base64 in JSON: it is damaged, and need not be text
	Now    string `json:"now"`
}

// done says what the change does to a block.
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

// Compose returns the changes that first and then second make. data is what first
// left. Changes that touch become one.
func Compose(data []byte, first, second []Cut) []Cut {
	var all []Cut
	grown := 0 // by which data is longer, so far, than what it was made of
	for len(first) > 0 || len(second) > 0 {
		a, b, start, end := touching(len(data), grown, first, second)
		part, was := data[start:end], start-grown
		all = append(all, Cut{
			Offset: was,
			Was:    Unpatch(part, moved(first[:a], was)),
			Now:    string(Patch(part, moved(second[:b], start))),
		})
		for _, c := range first[:a] {
			grown += len(c.Now) - len(c.Was)
		}
		first, second = first[a:], second[b:]
	}
	return all
}

// touching returns how many changes of first and of second there are at the next
// place of a file that first left, and where in it that place starts and ends.
func touching(size, grown int, first, second []Cut) (a, b, start, end int) {
	start = size
	if len(first) > 0 {
		start = first[0].Offset + grown
	}
	if len(second) > 0 {
		start = min(start, second[0].Offset)
	}
	for end = start; ; {
		switch {
		case a < len(first) && first[a].Offset+grown <= end:
			end = max(end, first[a].Offset+grown+len(first[a].Now))
			grown += len(first[a].Now) - len(first[a].Was)
			a++
		case b < len(second) && second[b].Offset <= end:
			end = max(end, second[b].Offset+len(second[b].Was))
			b++
		default:
			return a, b, start, end
		}
	}
}

// moved returns changes as they are to a part of a file that starts at start.
func moved(cuts []Cut, start int) []Cut {
	cuts = slices.Clone(cuts)
	for i := range cuts {
		cuts[i].Offset -= start
	}
	return cuts
}
