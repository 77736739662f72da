package oci

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// sequence is a JSON object or array that is edited in its bytes: the rest
// keeps its white space, order and escapes. A digest covers bytes, so an edit
// and its reverse must restore each byte.
type sequence struct {
	brackets      string // {} or []
	before, after string // white space around the brackets
	elements      []element
	blank         string // white space in an empty sequence
	around        string // line break and indentation of the line of the brackets
	style         *style
}

// element is a member of an object or an element of an array, with its bytes.
type element struct {
	lead  string // white space before it
	key   string // of a member
	head  string // the key and the colon
	value json.RawMessage
	trail string // white space up to the comma or the bracket
}

const whitespace = " \t\r\n"

// parseSequence reads an object or an array.
func parseSequence(data []byte, brackets string, st *style, around string) (*sequence, error) {
	s := &sequence{brackets: brackets, style: st, around: around}
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim(brackets[0]) {
		return nil, errors.Join(errors.New("it is not a JSON "+kindOf(brackets)), err)
	}
	at := dec.InputOffset()
	s.before = string(data[:at-1])
	seen := map[string]bool{}
	for dec.More() {
		e, err := nextElement(dec, data, at, brackets == "{}")
		if err != nil {
			return nil, err
		}
		if brackets == "{}" && seen[e.key] {
			return nil, fmt.Errorf("it has the member %q twice", e.key)
		}
		if n := len(s.elements); n > 0 {
			s.elements[n-1].trail, e.lead, _ = strings.Cut(e.lead, ",")
		}
		seen[e.key], at = true, dec.InputOffset()
		s.elements = append(s.elements, e)
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	end := dec.InputOffset()
	s.blank, s.after = string(data[at:end-1]), string(data[end:])
	if n := len(s.elements); n > 0 {
		s.elements[n-1].trail, s.blank = s.blank, ""
	}
	if strings.Trim(s.after, whitespace) != "" {
		return nil, errors.New("something follows its end")
	}
	return s, nil
}

func kindOf(brackets string) string {
	if brackets == "{}" {
		return "object"
	}
	return "array"
}

// nextElement reads the next element of data. The lead still has the white
// space and the comma after the previous element.
func nextElement(dec *json.Decoder, data []byte, at int64, member bool) (e element, err error) {
	if member {
		t, err := dec.Token()
		if err != nil {
			return e, err
		}
		e.key = t.(string) // the decoder returns only strings between { and :
	}
	if err := dec.Decode(&e.value); err != nil {
		return e, err
	}
	text := string(data[at : dec.InputOffset()-int64(len(e.value))])
	e.head = strings.TrimLeft(text, whitespace+",")
	e.lead = text[:len(text)-len(e.head)]
	return e, nil
}

func (s *sequence) encode() []byte {
	var buf bytes.Buffer
	buf.WriteString(s.before)
	buf.WriteByte(s.brackets[0])
	buf.WriteString(s.blank)
	for i, e := range s.elements {
		if i > 0 {
			buf.WriteByte(',')
		}
		buf.WriteString(e.lead)
		buf.WriteString(e.head)
		buf.Write(e.value)
		buf.WriteString(e.trail)
	}
	buf.WriteByte(s.brackets[1])
	buf.WriteString(s.after)
	return buf.Bytes()
}

// insert inserts an element at a place, with the white space of its neighbours.
func (s *sequence) insert(i int, e element) {
	n := len(s.elements)
	e.lead = s.leadAt(i)
	switch {
	case n == 0:
		if strings.Contains(e.lead, "\n") {
			e.trail = s.around
		} else {
			e.trail = s.blank
		}
		s.blank = ""
	case i == n:
		e.trail, s.elements[n-1].trail = s.elements[n-1].trail, s.trailBetween()
	case i == 0:
		e.trail, s.elements[0].lead = s.trailBetween(), s.leadBetween()
	default:
		e.trail = s.trailBetween()
	}
	s.elements = slices.Insert(s.elements, i, e)
}

// remove removes an element: the reverse of insert.
func (s *sequence) remove(i int) {
	gone := s.elements[i]
	s.elements = slices.Delete(s.elements, i, i+1)
	switch n := len(s.elements); {
	case n == 0 && strings.Contains(gone.lead, "\n"):
		s.blank = s.style.blank
	case n == 0:
		s.blank = gone.lead
	case i == n:
		s.elements[n-1].trail = gone.trail
	case i == 0:
		s.elements[0].lead = gone.lead
	}
}

// leadAt returns the white space for a new element at a place.
func (s *sequence) leadAt(i int) string {
	switch {
	case len(s.elements) == 0 && s.style.unit != "":
		return s.around + s.style.unit
	case len(s.elements) == 0:
		return s.blank
	case i == 0:
		return s.elements[0].lead
	}
	return s.leadBetween()
}

// leadBetween returns the white space between a comma and the next element.
func (s *sequence) leadBetween() string {
	switch {
	case len(s.elements) > 1:
		return s.elements[1].lead
	case strings.Contains(s.elements[0].lead, "\n"):
		return s.elements[0].lead
	}
	return s.style.comma
}

// trailBetween returns the white space between an element and the next comma.
func (s *sequence) trailBetween() string {
	if len(s.elements) > 1 {
		return s.elements[0].trail
	}
	return ""
}

// lineOf returns the line break and the indentation in the white space before
// an element.
func (s *sequence) lineOf(lead string) string {
	i := strings.LastIndex(lead, "\n")
	if i < 0 {
		return s.around
	}
	if i > 0 && lead[i-1] == '\r' {
		i--
	}
	return lead[i:]
}
