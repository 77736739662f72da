package oci

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/certgraft/certgraft/internal/hint"
)

// DecodeStrict reads a document into v. It refuses a repeated member, and a
// member whose name differs from a member of v only in case. The encoding
// package accepts such a name, but other readers ignore it. An edit would leave
// it and add another member, so readers would see two images in one document.
func DecodeStrict(raw []byte, v any) error {
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("it is not the JSON that was expected: %w", err)
	}
	if err := checkStrict(raw, reflect.TypeOf(v)); err != nil {
		return hint.Add(err, "no tool that is in use writes this: build the image again, and ask where it comes from")
	}
	return nil
}

func checkStrict(raw json.RawMessage, t reflect.Type) error {
	switch t.Kind() {
	case reflect.Pointer:
		return checkStrict(raw, t.Elem())
	case reflect.Slice:
		return checkElements(raw, t.Elem())
	case reflect.Struct:
		return checkMembers(raw, t)
	}
	return nil
}

func checkElements(raw json.RawMessage, t reflect.Type) error {
	if t.Kind() != reflect.Struct {
		return nil
	}
	var all []json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return err
	}
	for _, element := range all {
		if err := checkStrict(element, t); err != nil {
			return err
		}
	}
	return nil
}

func checkMembers(raw json.RawMessage, t reflect.Type) error {
	if string(raw) == "null" {
		return nil
	}
	o, err := ParseObject(raw)
	if err != nil {
		return err
	}
	for key, value := range o.All() {
		for field := range t.Fields() {
			name := memberName(field)
			switch {
			case key == name:
				if err := checkStrict(value, field.Type); err != nil {
					return fmt.Errorf("%s: %w", key, err)
				}
			case strings.EqualFold(key, name):
				return fmt.Errorf("it has the member %q, which some readers take for %q and others do not", key, name)
			}
		}
	}
	return nil
}

func memberName(f reflect.StructField) string {
	if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
		return name
	}
	return f.Name
}
