package oci

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
)

// Object is a JSON object that is edited in its bytes. A struct would lose the
// members that it does not name, and a manifest that is written anew has another
// digest.
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

// Encode returns the object as JSON. It is no MarshalJSON, since the encoding
// package would compact and escape what is to stay as it is.
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

// Len returns how many members there are.
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

// Get decodes a member into v, and leaves v as it is if there is none.
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

// Child returns a member that is an object, an empty one if it is not there or
// null.
func (o *Object) Child(key string) (*Object, error) {
	s, err := o.child(key, "{}")
	if err != nil {
		return nil, err
	}
	return &Object{*s}, nil
}

// List returns a member that is an array, an empty one if it is not there or null.
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

// Set makes v a member, in the place of the one that is there, else the last.
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

// Insert makes v a member at a place. The key must not be there.
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

// SetOrRemove makes an object a member, or takes the member out if there is nothing
// in the object.
func (o *Object) SetOrRemove(key string, child *Object) error {
	if child.Len() == 0 {
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
	if i := o.Index(key); i >= 0 {
		o.remove(i)
	}
}

// List is a JSON array that is edited in its bytes.
type List struct{ sequence }

// ParseList reads a JSON array. One that is null is empty.
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

// Len returns how many elements there are.
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

// Set puts v in the place of an element.
func (l *List) Set(i int, v any) error {
	raw, err := l.style.write(v, l.lineOf(l.elements[i].lead))
	if err == nil {
		l.elements[i].value = raw
	}
	return err
}

// Append puts v behind the last element.
func (l *List) Append(v any) error {
	n := len(l.elements)
	raw, err := l.style.write(v, l.lineOf(l.leadAt(n)))
	if err == nil {
		l.insert(n, element{value: raw})
	}
	return err
}

// Remove takes an element out.
func (l *List) Remove(i int) { l.remove(i) }

// Truncate takes out what follows the first n elements.
func (l *List) Truncate(n int) {
	for len(l.elements) > max(n, 0) {
		l.remove(len(l.elements) - 1)
	}
}
