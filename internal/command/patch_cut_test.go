package command_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/command"
	"github.com/certgraft/certgraft/internal/roottest"
)

// cutter is a stream that ends the work when it sees a text.
type cutter struct {
	strings.Builder
	at  string
	end func()
}

func (c *cutter) Write(p []byte) (int, error) {
	n, err := c.Builder.Write(p)
	if strings.Contains(c.String(), c.at) {
		c.end()
	}
	return n, err
}

// A list that was cut short is reported as unfinished, whatever the result of its
// last image.
func TestPatchListCutShort(t *testing.T) {
	l := roottest.NewLayout(t)
	corp := filepath.Join("..", "..", "testdata", "bundles", "corp.pem")
	from := l.Tag(l.Image(roottest.Image{Layers: [][]byte{roottest.Tar(t, roottest.File("etc/ssl/certs/ca-certificates.crt", ""))}}), "x")
	list := imageList(t, from, from, from)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	errs := &cutter{at: "would become", end: cancel}
	if got := command.Run(ctx, []string{"certgraft", "patch", "--from-file", list, corp, "--dry-run"}, strings.NewReader(""), &strings.Builder{}, errs); got != 1 {
		t.Errorf("status %d\n%s", got, errs)
	}
	for _, text := range []string{"stopped before " + from + ": context canceled\n", "total: 3 images: 1 would change, 2 not reached\n"} {
		if !strings.Contains(errs.String(), text) {
			t.Errorf("%q is not in\n%s", text, errs)
		}
	}
}

// A very long line of a list does not end the list.
func TestPatchListWithLongLine(t *testing.T) {
	l := roottest.NewLayout(t)
	from := l.Tag(l.Image(roottest.Image{Layers: [][]byte{roottest.Tar(t, roottest.File("etc/ssl/certs/ca-certificates.crt", ""))}}), "x")
	to := "oci:" + t.TempDir()
	list := filepath.Join(t.TempDir(), "list")
	lines := []string{from + " " + to + ":1", "# " + strings.Repeat("x", 1<<17), from + " " + to + ":2", "", from + " " + to + ":3"}
	if err := os.WriteFile(list, []byte(strings.Join(lines, "\r\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	corp := filepath.Join("..", "..", "testdata", "bundles", "corp.pem")
	if out, _ := run(t, 0, "patch", "--from-file", list, corp); strings.Count(out, to) != 3 {
		t.Errorf("%q", out)
	}
	if err := os.WriteFile(list, []byte(from+" "+to+"\n\none two three"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs := run(t, 2, "patch", "--from-file", list, corp); !strings.Contains(errs, list+":3: it has 3 words") {
		t.Errorf("%s", errs)
	}
}

// imageList writes a list of images.
func imageList(t *testing.T, lines ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(name, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
