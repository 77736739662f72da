package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// The picture is well-formed, runs no script, loads nothing, and has at most 100
// KB. It has each line of the record, and each line fits.
func TestDemoPicture(t *testing.T) {
	made, err := demoFiles(root)
	if err != nil {
		t.Fatal(err)
	}
	picture := string(made["docs/demo.svg"])
	if len(picture) > 100_000 {
		t.Errorf("%d bytes", len(picture))
	}
	if found := regexp.MustCompile(`<script|href|url\(|@import|on[a-z]+=`).FindString(picture); found != "" {
		t.Errorf("%q is in the picture", found)
	}
	var text strings.Builder
	for d := xml.NewDecoder(strings.NewReader(picture)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if data, ok := token.(xml.CharData); ok {
			text.Write(data)
		}
	}
	record, err := os.ReadFile(root + "/internal/gen/demo.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(record)) {
		line = strings.TrimPrefix(regexp.MustCompile(`\^\[\[[0-9;]*m`).ReplaceAllString(strings.TrimSuffix(line, "\n"), ""), "# ")
		if !strings.Contains(text.String(), line) {
			t.Errorf("%q is not in the picture", line)
		}
		if n := utf8.RuneCountInString(line); n > demoColumns {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// A scene begins at the end of the one before. Its lines appear one after another.
func TestDemoTimes(t *testing.T) {
	picture := demoPicture([]scene{{"one", []string{"$ a", "b"}}, {"two", []string{"$ c"}}})
	for _, want := range []string{`>one<`, `>b<`, `#k0 { animation-name: k0; } @keyframes k0 { 0.00% { visibility: visible; } 50.79% { visibility: hidden; } }`, `{ 0% { visibility: hidden; } 50.79% { visibility: visible; } 100.00% { visibility: hidden; } }`} {
		if !strings.Contains(picture, want) {
			t.Errorf("%q is missing in\n%s", want, picture)
		}
	}
	if picture != demoPicture([]scene{{"one", []string{"$ a", "b"}}, {"two", []string{"$ c"}}}) {
		t.Error("the same record makes two pictures")
	}
}
