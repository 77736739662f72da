package browser

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Kind is a family of browsers that read their policies alike.
type Kind int

// Chromium reads each file of a directory, and takes the value of a policy from
// the last file by name. It allows comments. Firefox reads one file.
const (
	Chromium Kind = iota
	Firefox
)

// Policy is an open file of policies. Its lists of strings can be changed, and all
// other bytes stay.
type Policy struct {
	text []byte
	kind Kind
	root value
}

// Open reads a file of policies as strictly as the browser does. An error names the
// line.
func Open(text []byte, kind Kind) (*Policy, error) {
	p := &Policy{text, kind, value{}}
	return p, p.read()
}

func (p *Policy) read() (err error) {
	if p.kind == Firefox && bytes.HasPrefix(p.text, []byte("\ufeff")) {
		return errors.New("line 1: the file begins with a byte order mark, with which Firefox does not read it")
	}
	s := scanner{text: p.text, lenient: p.kind == Chromium}
	p.root, err = s.document()
	return err
}

// Bytes returns the text of the file, which must not be changed.
func (p *Policy) Bytes() []byte { return p.text }

// IsEmpty reports whether the file has no policy.
func (p *Policy) IsEmpty() bool { return len(p.root.members) == 0 }

// find follows path through the objects as far as the path exists.
func (p *Policy) find(path []string) (at value, found int, err error) {
	at = p.root
	for i, key := range path {
		if at.kind != '{' {
			return at, i, fmt.Errorf("%s is not an object", strings.Join(path[:i], "."))
		}
		n := at.member(key)
		if n < 0 {
			return at, i, nil
		}
		at = at.members[n].value
	}
	if at.kind != '[' {
		return at, len(path), fmt.Errorf("%s is not a list", strings.Join(path, "."))
	}
	return at, len(path), nil
}

// List returns the entries of the list at path, and whether the list exists. An
// entry that is not a string is returned as "".
func (p *Policy) List(path ...string) (entries []string, ok bool, err error) {
	list, found, err := p.find(path)
	if err != nil || found < len(path) {
		return nil, false, err
	}
	for _, item := range list.items {
		var text string
		_ = json.Unmarshal(p.text[item.start:item.end], &text) // a damaged string is no entry that anyone made
		entries = append(entries, text)
	}
	return entries, true, nil
}

// Append adds entries at the end of the list at path. If the list is missing,
// Append creates it, and returns the path of the created list or of the object
// around it. It returns nil if the list existed.
func (p *Policy) Append(entries []string, path ...string) (made []string, err error) {
	at, found, err := p.find(path)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	if found < len(path) {
		p.insert(at, path[found:], entries)
		return path[:found+1], p.read()
	}
	between := ""
	if n := len(at.items); n > 0 {
		between = p.between(at, at.items[n-1].start)
	}
	text := joined(entries, ","+between)
	if n := len(at.items); n > 0 {
		p.splice(at.items[n-1].end, at.items[n-1].end, ","+between+text)
	} else {
		p.splice(at.start+1, at.start+1, text)
	}
	return nil, p.read()
}

// insert adds a member to an object, with the list at path below it.
func (p *Policy) insert(object value, path, entries []string) {
	at, between, comma := object.start+1, "\n  ", ""
	if n := len(object.members); n > 0 {
		last := object.members[n-1].value
		at, comma = last.end, ","
		between = p.between(object, p.keyOf(object, n-1))
	}
	p.splice(at, at, comma+between+list(path, entries, between))
}

// list returns the text of a member with a list below it. Its lines begin as
// between ends.
func list(path, entries []string, between string) string {
	inner := between
	if strings.Contains(between, "\n") {
		inner += "  "
		if strings.HasSuffix(between, "\t") {
			inner = between + "\t"
		}
	}
	if len(path) > 1 {
		return quoted(path[0]) + ": {" + inner + list(path[1:], entries, inner) + between + "}"
	}
	return quoted(path[0]) + ": [" + inner + joined(entries, ","+inner) + between + "]"
}

func joined(entries []string, between string) string {
	var all []string
	for _, e := range entries {
		all = append(all, quoted(e))
	}
	return strings.Join(all, between)
}

// quoted returns a string in JSON.
func quoted(text string) string {
	data, _ := json.Marshal(text) // a string always encodes
	return string(data)
}

// between returns the white space before the element at an offset of a list or
// object. The elements beside it begin with the same.
func (p *Policy) between(in value, at int) string {
	text := p.text[in.start+1 : at]
	return string(text[len(bytes.TrimRight(text, " \t\r\n")):])
}

// keyOf returns the offset of a member's name.
func (p *Policy) keyOf(object value, n int) int {
	if n > 0 {
		return p.behindComma(object.members[n-1].value.end)
	}
	return p.behindComma(object.start + 1)
}

// behindComma returns the offset of the next byte that is not white space, comma
// or comment.
func (p *Policy) behindComma(at int) int {
	s := scanner{text: p.text, at: at, lenient: p.kind == Chromium}
	for s.space(); s.next() == ','; s.space() {
		s.at++
	}
	return s.at
}

// Delete removes entries, by index, from the list at path. If the list becomes
// empty and made names it, or the object around it, Delete removes that too. It
// keeps an object with other members.
func (p *Policy) Delete(places []int, made []string, path ...string) error {
	at, found, err := p.find(path)
	if err != nil || found < len(path) {
		return err
	}
	for n, item := range slices.Backward(at.items) {
		if slices.Contains(places, n) {
			before := 0
			if n > 0 {
				before = at.items[n-1].end
			}
			p.cut(item.start, item.end, before)
		}
	}
	err = p.read()
	for depth := len(path); err == nil && len(made) > 0 && depth >= len(made) && p.prune(path[:depth]); depth-- {
		err = p.read()
	}
	return err
}

// prune removes the member at path if it is empty.
func (p *Policy) prune(path []string) bool {
	in := p.root
	for _, key := range path[:len(path)-1] {
		in = in.members[in.member(key)].value
	}
	n := in.member(path[len(path)-1])
	of := in.members[n].value
	if len(of.items)+len(of.members) > 0 {
		return false
	}
	start, before := p.keyOf(in, n), 0
	switch {
	case n > 0:
		before = in.members[n-1].value.end
	case len(in.members) == 1:
		start = in.start + 1
	}
	p.cut(start, of.end, before)
	return true
}

// cut removes an element and one comma: the comma before it, after the end of the
// element before, or for the first element the comma after it.
func (p *Policy) cut(start, end, before int) {
	switch next := p.behindComma(end); {
	case before > 0:
		start = before
	case bytes.IndexByte(p.text[end:next], ',') >= 0:
		end = next
	}
	p.splice(start, end, "")
}

func (p *Policy) splice(start, end int, text string) {
	p.text = slices.Concat(p.text[:start], []byte(text), p.text[end:])
}
