package image

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

// interrupted is standard input that cancels the work after its first part.
type interrupted struct {
	cancel context.CancelFunc
	left   int
}

func (r *interrupted) Read(p []byte) (int, error) {
	if r.left -= len(p); r.left < 0 {
		return 0, io.EOF
	}
	r.cancel()
	clear(p)
	return len(p), nil
}

// An archive from standard input is not read further after a cancel.
func TestCalledOffWhileReadingStdin(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	in := &interrupted{cancel, 64 << 20}
	at, err := (&Locations{Stdin: in}).Parse("docker-archive:-")
	must(t, err)
	if _, err := at.Get(ctx); !errors.Is(err, context.Canceled) || in.left < 60<<20 {
		t.Errorf("%v, and %d bytes were not read", err, in.left)
	}
}

// Files of a layout or an archive are not copied after a cancel.
func TestCalledOffWhileCopying(t *testing.T) {
	l := roottest.NewLayout(t)
	text := l.Tag(l.Image(roottest.Image{Layers: [][]byte{big(t, "opt/x")}}), "x")
	archive := "docker-archive:" + filepath.Join(t.TempDir(), "a.tar")
	img, err := getFrom(t, &Locations{}, text)
	must(t, err)
	must(t, putTo(t, &Locations{}, archive, img))
	for _, from := range []string{text, archive} {
		img, err := getFrom(t, &Locations{}, from)
		must(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		dir := filepath.Join(t.TempDir(), "to")
		at, err := (&Locations{}).Parse("oci:" + dir + ":x")
		must(t, err)
		if err := at.Put(ctx, img); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", from, err)
		}
		if _, err := os.Lstat(filepath.Join(dir, "index.json")); err == nil {
			t.Errorf("%s: it was copied", from)
		}
	}
}
