package oci

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Object is a JSON object whose members keep their order and, but for those
// that are set, their bytes. A struct would lose the members that it does not
// name, and a manifest that is written anew has another digest.
type Object struct {
	Keys   []string
	Values map[string]json.RawMessage
}

// ParseObject reads a JSON object, and refuses one that has a member twice.
func ParseObject(data []byte) (*Object, error) {
	o := &Object{Values: map[string]json.RawMessage{}}
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
		if _, twice := o.Values[key]; twice {
			return nil, fmt.Errorf("it has the member %q twice", key)
		}
		o.Keys = append(o.Keys, key)
		o.Values[key] = value
	}
	_, err := dec.Token()
	return o, err
}

// Get decodes a member into v, and leaves v as it is if there is none.
func (o *Object) Get(key string, v any) error {
	raw, ok := o.Values[key]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// Child returns a member that is an object, an empty one if it is not there or
// null.
func (o *Object) Child(key string) (*Object, error) {
	raw, ok := o.Values[key]
	if !ok || string(raw) == "null" {
		return &Object{Values: map[string]json.RawMessage{}}, nil
	}
	c, err := ParseObject(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return c, nil
}

// Set makes v a member, in the place of the one that is there.
func (o *Object) Set(key string, v any) error {
	raw, err := EncodeJSON(v)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	if _, ok := o.Values[key]; !ok {
		o.Keys = append(o.Keys, key)
	}
	o.Values[key] = raw
	return nil
}

// SetOrRemove makes an object a member, or takes the member out if there is nothing
// in the object.
func (o *Object) SetOrRemove(key string, child *Object) error {
	if len(child.Keys) == 0 {
		o.Remove(key)
		return nil
	}
	return o.Set(key, child)
}

// SetAll sets members of the member key, which is an object of strings.
func (o *Object) SetAll(key string, values map[string]string) error {
	if len(values) == 0 {
		return nil
	}
	c, err := o.Child(key)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := c.Set(name, values[name]); err != nil {
			return err
		}
	}
	return o.Set(key, c)
}

// Remove takes a member out, if it exists.
func (o *Object) Remove(key string) {
	delete(o.Values, key)
	o.Keys = slices.DeleteFunc(o.Keys, func(k string) bool { return k == key })
}

// Encode returns the object as JSON. It is no MarshalJSON, since the encoding
// package would compact and escape what is to stay as it is.
func (o *Object) Encode() []byte {
	var buf bytes.Buffer
	buf.WriteByte('{')
	for i, key := range o.Keys {
		if i > 0 {
			buf.WriteByte(',')
		}
		name, _ := EncodeJSON(key) // a string always encodes
		buf.Write(name)
		buf.WriteByte(':')
		buf.Write(o.Values[key])
	}
	buf.WriteByte('}')
	return buf.Bytes()
}

// EncodeJSON encodes v without escaping what HTML would need. Objects and raw
// values keep their bytes.
func EncodeJSON(v any) (json.RawMessage, error) {
	switch v := v.(type) {
	case *Object:
		return v.Encode(), nil
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

// LikeWritten returns a document with the white space of another, where that is
// what an encoder makes: all on one line, or each member on its own, indented.
// What is taken out again then leaves the bytes that were there before.
func LikeWritten(was, now []byte) []byte {
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
