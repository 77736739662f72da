package image

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// object is a JSON object whose members keep their order and, but for those
// that are set, their bytes. A struct would lose the members that it does not
// name, and a manifest that is written anew has another digest.
type object struct {
	keys   []string
	values map[string]json.RawMessage
}

func parseObject(data []byte) (*object, error) {
	o := &object{values: map[string]json.RawMessage{}}
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.Join(errors.New("it is not a JSON object"), err)
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		key := t.(string) // the decoder returns nothing else between { and :
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		if _, twice := o.values[key]; twice {
			return nil, fmt.Errorf("it has the member %q twice", key)
		}
		o.keys = append(o.keys, key)
		o.values[key] = value
	}
	_, err := dec.Token()
	return o, err
}

// get decodes a member into v, and leaves v as it is if there is none.
func (o *object) get(key string, v any) error {
	raw, ok := o.values[key]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// child returns a member that is an object, an empty one if it is not there or
// null.
func (o *object) child(key string) (*object, error) {
	raw, ok := o.values[key]
	if !ok || string(raw) == "null" {
		return &object{values: map[string]json.RawMessage{}}, nil
	}
	c, err := parseObject(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return c, nil
}

// set makes v a member, in the place of the one that is there.
func (o *object) set(key string, v any) error {
	raw, err := encodeJSON(v)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	if _, ok := o.values[key]; !ok {
		o.keys = append(o.keys, key)
	}
	o.values[key] = raw
	return nil
}

// setAll sets members of the member key, which is an object of strings.
func (o *object) setAll(key string, values map[string]string) error {
	if len(values) == 0 {
		return nil
	}
	c, err := o.child(key)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := c.set(name, values[name]); err != nil {
			return err
		}
	}
	return o.set(key, c)
}

func (o *object) remove(key string) {
	delete(o.values, key)
	o.keys = slices.DeleteFunc(o.keys, func(k string) bool { return k == key })
}

// encode returns the object as JSON. It is no MarshalJSON, since the encoding
// package would compact and escape what is to stay as it is.
func (o *object) encode() []byte {
	var buf bytes.Buffer
	buf.WriteByte('{')
	for i, key := range o.keys {
		if i > 0 {
			buf.WriteByte(',')
		}
		name, _ := encodeJSON(key) // a string always encodes
		buf.Write(name)
		buf.WriteByte(':')
		buf.Write(o.values[key])
	}
	buf.WriteByte('}')
	return buf.Bytes()
}

// encodeJSON encodes v without escaping what HTML would need. Objects and raw
// values keep their bytes.
func encodeJSON(v any) (json.RawMessage, error) {
	switch v := v.(type) {
	case *object:
		return v.encode(), nil
	case []json.RawMessage:
		return append(append([]byte{'['}, bytes.Join(rawBytes(v), []byte{','})...), ']'), nil
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), err
}

func rawBytes(values []json.RawMessage) [][]byte {
	var out [][]byte
	for _, v := range values {
		out = append(out, v)
	}
	return out
}

// likeWritten returns a document with the white space of another, where that is
// what an encoder makes: all on one line, or each member on its own, indented.
// What is taken out again then leaves the bytes that were there before.
func likeWritten(was, now []byte) []byte {
	body := bytes.TrimRight(was, " \t\r\n")
	again, errWas := layOut(body, body)
	out, errNow := layOut(body, now)
	if errWas != nil || errNow != nil || !bytes.Equal(again, body) {
		return now
	}
	return append(out, was[len(body):]...)
}

// layOut writes a document as another is written, as far as its first lines tell.
func layOut(like, data []byte) ([]byte, error) {
	var buf bytes.Buffer
	first, lines := bytes.CutPrefix(like, []byte("{\n"))
	if !lines {
		err := json.Compact(&buf, data)
		return buf.Bytes(), err
	}
	indent := first[:len(first)-len(bytes.TrimLeft(first, " \t"))]
	err := json.Indent(&buf, data, "", string(indent))
	return buf.Bytes(), err
}
