package image_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/roottest"
)

func smallImage(t *testing.T, l *image.Locations) *image.Image {
	t.Helper()
	layout := roottest.NewLayout(t)
	return get(t, l, layout.Tag(layout.Image(roottest.Image{Layers: [][]byte{roottest.Tar(t, roottest.File("etc/x", "x"))}}), "x"))
}

// An archive behind a link is written there, and keeps its permissions.
func TestArchiveKeepsLinkAndMode(t *testing.T) {
	l := &image.Locations{}
	img, dir := smallImage(t, l), t.TempDir()
	real, link := filepath.Join(dir, "real.tar"), filepath.Join(dir, "link.tar")
	must(t, os.WriteFile(real, []byte("old"), 0o600))
	must(t, os.Symlink("real.tar", link))
	put(t, l, "oci-archive:"+link, img)
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link: %v %v", info.Mode(), err)
	}
	if info, err := os.Stat(real); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if got := get(t, l, "oci-archive:"+real); got.Descriptor.Digest != img.Descriptor.Digest {
		t.Errorf("%s", got.Descriptor.Digest)
	}
}

// A named pipe is written and read as a stream, and stays a pipe. The same
// holds for the targets of /dev/stdout and /dev/stdin.
func TestArchiveInPipe(t *testing.T) {
	l := &image.Locations{}
	img, pipe := smallImage(t, l), filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(pipe, 0o600))
	for _, kind := range []string{"oci-archive:", "docker-archive:"} {
		at, err := l.Parse(kind + pipe)
		must(t, err)
		read := make(chan error, 1)
		go func() {
			got, err := at.Get(t.Context())
			if err == nil && got.Descriptor.Digest != img.Descriptor.Digest {
				err = errors.New("it is another image")
			}
			read <- err
		}()
		must(t, at.Put(t.Context(), img))
		if info, err := os.Lstat(pipe); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
			t.Fatalf("the pipe is %v now, %v", info.Mode(), err)
		}
		must(t, <-read)
	}
}
