package browser

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// value is a JSON value, as a range of the text.
type value struct {
	start, end int
	kind       byte // '{', '[', '"', or 0 for any other value
	members    []member
	items      []value
}

// member is a member of an object.
type member struct {
	key   string
	value value
}

// member returns the index of an object's member with a name, or -1. The last
// member of the name counts.
func (v value) member(key string) int {
	for i, m := range slices.Backward(v.members) {
		if m.key == key {
			return i
		}
	}
	return -1
}

// deepest is the limit for nested arrays and objects.
const deepest = 100

// scanner reads JSON as strictly as Firefox or Chromium.
type scanner struct {
	text    []byte
	at      int
	lenient bool // as Chromium: comments, a comma after the last element, a byte order mark
}

// document reads a text that consists of one object.
func (s *scanner) document() (value, error) {
	if s.lenient {
		s.at = len(s.text) - len(bytes.TrimPrefix(s.text, []byte("\ufeff")))
	}
	s.space()
	if s.next() != '{' {
		return value{}, s.wrong("an object must stand here: {")
	}
	v, err := s.value(0)
	if err != nil {
		return v, err
	}
	if s.space(); s.at < len(s.text) {
		return v, s.wrong("nothing may stand behind the object")
	}
	return v, nil
}

func (s *scanner) value(depth int) (value, error) {
	if depth > deepest {
		return value{}, s.wrong(fmt.Sprintf("more than %d arrays and objects stand in each other", deepest))
	}
	v := value{start: s.at, kind: s.next()}
	var err error
	switch v.kind {
	case '{':
		err = s.list('}', func() error { return s.member(&v, depth) })
	case '[':
		err = s.list(']', func() error {
			item, err := s.value(depth + 1)
			v.items = append(v.items, item)
			return err
		})
	case '"':
		_, err = s.quoted()
	default:
		v.kind = 0
		err = s.literal()
	}
	v.end = s.at
	return v, err
}

// list reads elements between commas up to the end of an array or object.
func (s *scanner) list(end byte, one func() error) error {
	s.at++
	for first := true; ; first = false {
		s.space()
		if s.next() == end && (first || s.lenient) {
			break
		}
		if err := one(); err != nil {
			return err
		}
		s.space()
		if s.next() == end {
			break
		}
		if s.next() != ',' {
			return s.wrong("a comma or " + string(end) + " must stand here")
		}
		s.at++
	}
	s.at++
	return nil
}

func (s *scanner) member(v *value, depth int) error {
	if s.next() != '"' {
		return s.wrong("the name of a member must stand here, in quotes")
	}
	quoted, err := s.quoted()
	if err != nil {
		return err
	}
	var key string
	_ = json.Unmarshal(quoted, &key) // a damaged name matches no policy
	if s.space(); s.next() != ':' {
		return s.wrong("a colon must stand here")
	}
	s.at++
	s.space()
	of, err := s.value(depth + 1)
	v.members = append(v.members, member{key, of})
	return err
}

// quoted reads a string and returns it with its quotes.
func (s *scanner) quoted() ([]byte, error) {
	start := s.at
	for s.at++; s.next() != '"'; s.at++ {
		if s.next() == '\\' {
			s.at++
		}
		if s.at >= len(s.text) {
			s.at = start
			return nil, s.wrong("the string that begins here has no end")
		}
	}
	s.at++
	if !s.lenient && !json.Valid(s.text[start:s.at]) {
		s.at = start
		return nil, s.wrong("the string that begins here is damaged")
	}
	return s.text[start:s.at], nil
}

// literal reads a number or a word.
func (s *scanner) literal() error {
	start := s.at
	for s.at < len(s.text) && strings.IndexByte(" \t\r\n,:]}/\"", s.text[s.at]) < 0 {
		s.at++
	}
	if !json.Valid(s.text[start:s.at]) {
		s.at = start
		return s.wrong("a value must stand here")
	}
	return nil
}

// space skips white space and comments.
func (s *scanner) space() {
	for s.at < len(s.text) {
		rest := s.text[s.at:]
		switch {
		case strings.IndexByte(" \t\r\n", rest[0]) >= 0:
			s.at++
		case s.lenient && bytes.HasPrefix(rest, []byte("//")):
			s.at += before(rest, "\n")
		case s.lenient && bytes.HasPrefix(rest, []byte("/*")):
			s.at += 2 + before(rest[2:], "*/")
			s.at = min(s.at+2, len(s.text))
		default:
			return
		}
	}
}

// before returns the number of bytes before end.
func before(text []byte, end string) int {
	if n := bytes.Index(text, []byte(end)); n >= 0 {
		return n
	}
	return len(text)
}

// next returns the next byte, or 0 at the end.
func (s *scanner) next() byte {
	if s.at >= len(s.text) {
		return 0
	}
	return s.text[s.at]
}

func (s *scanner) wrong(why string) error {
	return fmt.Errorf("line %d: %s", 1+bytes.Count(s.text[:min(s.at, len(s.text))], []byte("\n")), why)
}
