package oci

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
)

// Object is a JSON object that is edited in its bytes. A struct would lose
// unknown members, and encoding a manifest again would change its digest.
type Object struct{ sequence }

// ParseObject reads a JSON object, and refuses one that has a member twice.
func ParseObject(data []byte) (*Object, error) {
	st := styleOf(data)
	s, err := parseSequence(data, "{}", st, st.newline)
	if err != nil {
		return nil, err
	}
	return &Object{*s}, nil
}

// Encode returns the object as JSON. A MarshalJSON would not do: the encoding
// package would compact and escape the bytes.
func (o *Object) Encode() json.RawMessage { return o.encode() }

// All yields the members in order.
func (o *Object) All() iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		for _, e := range o.elements {
			if !yield(e.key, e.value) {
				return
			}
		}
	}
}

// Len returns the number of members.
func (o *Object) Len() int { return len(o.elements) }

// Index returns the place of a member, or -1.
func (o *Object) Index(key string) int {
	return slices.IndexFunc(o.elements, func(e element) bool { return e.key == key })
}

// Raw returns a member as it is written, or nil.
func (o *Object) Raw(key string) json.RawMessage {
	if i := o.Index(key); i >= 0 {
		return o.elements[i].value
	}
	return nil
}

// Get decodes a member into v, and leaves v unchanged if the member is missing.
func (o *Object) Get(key string, v any) error {
	raw := o.Raw(key)
	if raw == nil {
		return nil
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// Child returns a member that is an object. A missing or null member gives an
// empty object.
func (o *Object) Child(key string) (*Object, error) {
	s, err := o.child(key, "{}")
	if err != nil {
		return nil, err
	}
	return &Object{*s}, nil
}

// List returns a member that is an array. A missing or null member gives an
// empty array.
func (o *Object) List(key string) (*List, error) {
	s, err := o.child(key, "[]")
	if err != nil {
		return nil, err
	}
	return &List{*s}, nil
}

func (o *Object) child(key, brackets string) (*sequence, error) {
	i := o.Index(key)
	switch {
	case i < 0:
		return &sequence{brackets: brackets, style: o.style, around: o.lineOf(o.leadAt(len(o.elements)))}, nil
	case string(o.elements[i].value) == "null":
		return &sequence{brackets: brackets, style: o.style, around: o.lineOf(o.elements[i].lead)}, nil
	}
	s, err := parseSequence(o.elements[i].value, brackets, o.style, o.lineOf(o.elements[i].lead))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return s, nil
}

// Set replaces the member by v, or appends it.
func (o *Object) Set(key string, v any) error {
	i := o.Index(key)
	if i < 0 {
		return o.Insert(len(o.elements), key, v)
	}
	raw, err := o.style.write(v, o.lineOf(o.elements[i].lead))
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	o.elements[i].value = raw
	return nil
}

// Insert inserts a new member at a place.
func (o *Object) Insert(i int, key string, v any) error {
	raw, err := o.style.write(v, o.lineOf(o.leadAt(i)))
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	name, err := encodeJSON(key, o.style.escapes)
	if err != nil {
		return err
	}
	o.insert(i, element{key: key, head: string(name) + o.style.colon, value: raw})
	return nil
}

// SetOrRemove sets a member to an object, or removes the member if the object
// is empty.
func (o *Object) SetOrRemove(key string, child *Object) error {
	if child.Len() == 0 {
		o.Remove(key)
		return nil
	}
	return o.Set(key, child)
}

// SetAll sets members of the object of strings in member key.
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

// Remove removes a member, if it exists.
func (o *Object) Remove(key string) {
	if i := o.Index(key); i >= 0 {
		o.remove(i)
	}
}

// List is a JSON array that is edited in its bytes.
type List struct{ sequence }

// ParseList reads a JSON array; null gives an empty one.
func ParseList(data []byte) (*List, error) {
	st := styleOf(data)
	if string(data) == "null" {
		return &List{sequence{brackets: "[]", style: st}}, nil
	}
	s, err := parseSequence(data, "[]", st, st.newline)
	if err != nil {
		return nil, err
	}
	return &List{*s}, nil
}

// Encode returns the array as JSON.
func (l *List) Encode() json.RawMessage { return l.encode() }

// Len returns the number of elements.
func (l *List) Len() int { return len(l.elements) }

// Raw returns an element as it is written.
func (l *List) Raw(i int) json.RawMessage { return l.elements[i].value }

// Object returns an element that is an object.
func (l *List) Object(i int) (*Object, error) {
	s, err := parseSequence(l.elements[i].value, "{}", l.style, l.lineOf(l.elements[i].lead))
	if err != nil {
		return nil, err
	}
	return &Object{*s}, nil
}

// Set replaces an element by v.
func (l *List) Set(i int, v any) error {
	raw, err := l.style.write(v, l.lineOf(l.elements[i].lead))
	if err == nil {
		l.elements[i].value = raw
	}
	return err
}

// Append appends v.
func (l *List) Append(v any) error {
	n := len(l.elements)
	raw, err := l.style.write(v, l.lineOf(l.leadAt(n)))
	if err == nil {
		l.insert(n, element{value: raw})
	}
	return err
}

// Remove removes an element.
func (l *List) Remove(i int) { l.remove(i) }

// Truncate keeps the first n elements.
func (l *List) Truncate(n int) {
	for len(l.elements) > max(n, 0) {
		l.remove(len(l.elements) - 1)
	}
}
