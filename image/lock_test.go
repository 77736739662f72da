package image_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/roottest"
)

// Two processes that write one layout or archive at once both enter their
// images, also if they create it.
func TestI3WritersAtOneTime(t *testing.T) {
	l := roottest.NewLayout(t)
	for _, name := range []string{"one", "two", "three", "four"} {
		l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{roottest.Tar(t, roottest.File("etc/"+name, ""))}}), name)
	}
	for _, kind := range []string{"oci:", "oci-archive:", "docker-archive:"} {
		for round := range 10 {
			to := kind + filepath.Join(t.TempDir(), "all")
			done := make(chan error)
			for _, name := range []string{"one", "two", "three", "four"} {
				go func() { done <- copyTo(t.Context(), "oci:"+l.Dir+":"+name, to+":"+name) }()
			}
			for range 4 {
				must(t, <-done)
			}
			for _, name := range []string{"one", "two", "three", "four"} {
				at, err := (&image.Locations{}).Parse(to + ":" + name)
				must(t, err)
				if _, err := at.Get(t.Context()); err != nil {
					t.Errorf("%s, round %d: %v", kind, round, err)
				}
			}
		}
	}
}

// copyTo copies an image with its own locations.
func copyTo(ctx context.Context, from, to string) error {
	l := &image.Locations{}
	source, err := l.Parse(from)
	if err != nil {
		return err
	}
	img, err := source.Get(ctx)
	if err != nil {
		return err
	}
	place, err := l.Parse(to)
	if err != nil {
		return err
	}
	return place.Put(ctx, img)
}

// A lock of another process is waited for, up to the context's end. Then
// nothing is written, and the error says how to find the process.
func TestWaitsForAnotherWriter(t *testing.T) {
	l := roottest.NewLayout(t)
	from := l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{roottest.Tar(t, roottest.File("etc/a", ""))}}), "x")
	for _, kind := range []string{"oci:", "oci-archive:", "docker-archive:"} {
		file := filepath.Join(t.TempDir(), "all")
		must(t, copyTo(t.Context(), from, kind+file+":a"))
		before := shape(t, file)
		holder, err := os.Open(file)
		must(t, err)
		must(t, syscall.Flock(int(holder.Fd()), syscall.LOCK_EX))
		ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
		err = copyTo(ctx, from, kind+file+":b")
		stop()
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "wait for another process that writes to it") || !slices.ContainsFunc(hint.Of(err), func(s string) bool { return strings.Contains(s, "fuser -v ") }) {
			t.Errorf("%s: %v %q", kind, err, hint.Of(err))
		}
		if after := shape(t, file); after != before {
			t.Errorf("%s: it is %d bytes, and other ones, and was %d", kind, len(after), len(before))
		}
		done := make(chan error)
		go func() { done <- copyTo(t.Context(), from, kind+file+":b") }()
		holder.Close()
		must(t, <-done)
	}
}

// shape identifies a file, or the index of a directory, on the disk.
func shape(t *testing.T, name string) string {
	t.Helper()
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		name = filepath.Join(name, "index.json")
	}
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "nothing"
	}
	must(t, err)
	return string(data)
}

// If two processes replace one image in place, one succeeds and the other gets
// an error.
func TestReplaceIsForOne(t *testing.T) {
	l := roottest.NewLayout(t)
	from := l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{roottest.Tar(t, roottest.File("etc/a", ""))}}), "x")
	r := roottest.NewRegistry(t)
	for _, text := range []string{"oci:" + t.TempDir() + ":x", "oci-archive:" + t.TempDir() + "/a.tar:x", "docker-archive:" + t.TempDir() + "/a.tar:x", r.Host + "/app:x"} {
		must(t, copyTo(t.Context(), from, text))
		locations := &image.Locations{}
		at, err := locations.Parse(text)
		must(t, err)
		was, err := at.Get(t.Context())
		must(t, err)
		next := func(text string) *image.Image {
			l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{roottest.Tar(t, roottest.File("etc/"+text, ""))}}), text)
			other, err := locations.Parse("oci:" + l.Dir + ":" + text)
			must(t, err)
			img, err := other.Get(t.Context())
			must(t, err)
			return img
		}
		first, second := next("first"), next("second")
		must(t, at.Replace(t.Context(), was, first))
		for _, late := range []*image.Image{second, was} { // was is the result of an edit without a change
			if err := at.Replace(t.Context(), was, late); err == nil || !strings.Contains(err.Error(), "anew meanwhile") {
				t.Errorf("%s: %v", text, err)
			}
		}
		if now, err := at.Get(t.Context()); err != nil || now.Descriptor.Digest != first.Descriptor.Digest {
			t.Errorf("%s: %v %v", text, now, err)
		}
	}
}
