// Package lines writes and reads data as a sequence of lines, for the values that
// the program carries. Reading is several times faster than JSON. The data take
// half the space of the same data in Go source.
//
// A string or a bool is one line. A struct is its fields, in order. A slice is a
// line with its length, and then its elements. A map is the same, sorted, with
// each key before its value. The reader must use the same types as the writer.
package lines

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Marshal returns the lines of v. Some values have no lines: a string with a line
// break, and other types. The error names such a value.
func Marshal(v any) ([]byte, error) {
	var b []byte
	err := appendValue(&b, reflect.ValueOf(v))
	return b, err
}

func appendValue(b *[]byte, v reflect.Value) error {
	switch v.Kind() {
	case reflect.String:
		if strings.Contains(v.String(), "\n") {
			return fmt.Errorf("lines: %q has several lines", v)
		}
		*b = append(append(*b, v.String()...), '\n')
	case reflect.Bool:
		*b = append(strconv.AppendBool(*b, v.Bool()), '\n')
	case reflect.Struct:
		return appendAll(b, v.NumField(), v.Field)
	case reflect.Slice:
		appendLength(b, v)
		return appendAll(b, v.Len(), v.Index)
	case reflect.Map:
		appendLength(b, v)
		return appendMap(b, v)
	case reflect.Pointer:
		return appendValue(b, v.Elem())
	default:
		return fmt.Errorf("lines: a value of type %s", v.Type())
	}
	return nil
}

func appendLength(b *[]byte, v reflect.Value) {
	*b = append(strconv.AppendInt(*b, int64(v.Len()), 10), '\n')
}

func appendAll(b *[]byte, n int, at func(int) reflect.Value) error {
	for i := range n {
		if err := appendValue(b, at(i)); err != nil {
			return err
		}
	}
	return nil
}

func appendMap(b *[]byte, v reflect.Value) error {
	sorted := map[string]reflect.Value{}
	for key, value := range v.Seq2() {
		sorted[key.String()] = value
	}
	for _, key := range slices.Sorted(maps.Keys(sorted)) {
		if err := appendValue(b, reflect.ValueOf(key)); err != nil {
			return err
		}
		if err := appendValue(b, sorted[key]); err != nil {
			return err
		}
	}
	return nil
}

// Unmarshal sets the value that v points at from the lines of data. The strings of
// v share the memory of data. Unmarshal panics if data are not the lines of such a
// value.
func Unmarshal(data string, v any) {
	r := reader{data}
	r.value(reflect.ValueOf(v).Elem())
	if r.rest != "" {
		panic("lines: data behind the value")
	}
}

type reader struct{ rest string }

func (r *reader) line() string {
	line, rest, ended := strings.Cut(r.rest, "\n")
	if !ended {
		panic("lines: the data end within the value")
	}
	r.rest = rest
	return line
}

func (r *reader) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(r.line())
	case reflect.Bool:
		v.SetBool(r.line() == "true")
	case reflect.Struct:
		r.fields(v)
	case reflect.Slice:
		r.slice(v)
	case reflect.Map:
		r.mapping(v)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		r.value(v.Elem())
	default:
		panic("lines: a value of type " + v.Type().String())
	}
}

// fields does not range over v.Fields, which would make two allocations for each
// field.
func (r *reader) fields(v reflect.Value) {
	n := v.NumField()
	for i := range n {
		r.value(v.Field(i))
	}
}

// slice leaves an empty slice nil, as a literal without the field would be.
func (r *reader) slice(v reflect.Value) {
	n := r.length()
	if n == 0 {
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), n, n))
	for i := range n {
		r.value(v.Index(i))
	}
}

func (r *reader) mapping(v reflect.Value) {
	n := r.length()
	if n == 0 {
		return
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), n))
	for range n {
		key, value := reflect.ValueOf(r.line()), reflect.New(v.Type().Elem()).Elem()
		r.value(value)
		v.SetMapIndex(key, value)
	}
}

func (r *reader) length() int {
	line := r.line()
	n, err := strconv.Atoi(line)
	if err != nil || n < 0 || n > len(r.rest) {
		panic("lines: " + strconv.Quote(line) + " is no length")
	}
	return n
}
