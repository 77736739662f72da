package oci

import (
	"bytes"
	"encoding/json"
	"strings"
)

// style is the white space and the escaping of a document. New values get the
// same style.
type style struct {
	newline string // line break; "" for a document on one line
	unit    string // of indentation
	colon   string // with the white space around it
	comma   string // white space after a comma on one line
	blank   string // white space in an empty value
	escapes bool   // <, > and & are escaped, as Go's encoder does
}

// styleOf detects the style from the first bracket, colon and comma of a
// document.
func styleOf(data []byte) *style {
	st := &style{colon: ":"}
	for _, escape := range []string{`\u003c`, `\u003e`, `\u0026`} {
		st.escapes = st.escapes || bytes.Contains(data, []byte(escape))
	}
	var bracket, colon, comma, blank bool
	eachMark(data, func(i int) {
		space := spaceAt(data[i+1:])
		switch mark := data[i]; {
		case mark == '{' || mark == '[':
			if !bracket {
				bracket = true
				st.newline, st.unit = cutLine(space)
			}
			if next := i + 1 + len(space); !blank && next < len(data) && (data[next] == '}' || data[next] == ']') {
				st.blank, blank = space, true
			}
		case mark == ':' && !colon:
			before := data[:i]
			st.colon = string(before[len(bytes.TrimRight(before, whitespace)):]) + ":" + space
			colon = true
		case mark == ',' && !comma && !strings.Contains(space, "\n"):
			st.comma, comma = space, true
		}
	})
	if !comma && st.newline == "" && strings.HasSuffix(st.colon, " ") {
		st.comma = " "
	}
	return st
}

// eachMark calls visit with the place of each bracket, colon and comma.
func eachMark(data []byte, visit func(i int)) {
	quoted := false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && strings.IndexByte("{}[]:,", c) >= 0:
			visit(i)
		}
	}
}

func spaceAt(data []byte) string {
	return string(data[:len(data)-len(bytes.TrimLeft(data, whitespace))])
}

// cutLine splits white space into its line break and its indentation.
func cutLine(space string) (newline, indent string) {
	i := strings.LastIndex(space, "\n")
	if i < 0 {
		return "", ""
	}
	newline = "\n"
	if strings.Contains(space, "\r\n") {
		newline = "\r\n"
	}
	return newline, space[i+1:]
}

// write returns a value as JSON in this style, on a line that begins with
// around. Objects, arrays and raw values keep their bytes.
func (st *style) write(v any, around string) (json.RawMessage, error) {
	switch v := v.(type) {
	case *Object:
		return v.Encode(), nil
	case *List:
		return v.Encode(), nil
	case json.RawMessage:
		return v, nil
	}
	data, err := encodeJSON(v, st.escapes)
	if err != nil {
		return nil, err
	}
	return st.layOut(data, around), nil
}

// layOut adds white space to compact JSON.
func (st *style) layOut(data []byte, around string) json.RawMessage {
	var buf bytes.Buffer
	from := 0
	line := func() {
		if st.newline != "" {
			buf.WriteString(around)
		}
	}
	eachMark(data, func(i int) {
		buf.Write(data[from:i])
		from = i + 1
		switch mark := data[i]; mark {
		case '{', '[':
			buf.WriteByte(mark)
			if next := data[i+1]; next == '}' || next == ']' {
				buf.WriteString(st.blank)
				return
			}
			around += st.unit
			line()
		case '}', ']':
			if before := data[i-1]; before != '{' && before != '[' {
				around = strings.TrimSuffix(around, st.unit)
				line()
			}
			buf.WriteByte(mark)
		case ':':
			buf.WriteString(st.colon)
		case ',':
			buf.WriteByte(mark)
			if st.newline == "" {
				buf.WriteString(st.comma)
			}
			line()
		}
	})
	buf.Write(data[from:])
	return buf.Bytes()
}

// EncodeJSON encodes v without the escapes for HTML.
func EncodeJSON(v any) (json.RawMessage, error) { return encodeJSON(v, false) }

func encodeJSON(v any, escapes bool) (json.RawMessage, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(escapes)
	err := enc.Encode(v)
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), err
}
