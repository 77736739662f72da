package bundles

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/certgraft/certgraft/internal/roottest"
)

// A broken link is skipped and named once, like any file without a certificate.
func TestDirectoryWithDanglingLinks(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "b.pem"), roottest.NewCA(t, "B").PEM())
	write(t, filepath.Join(dir, "readme.txt"), "hello")
	for name, target := range map[string]string{"a.pem": "nowhere", "loop.pem": "loop.pem"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	loaded, err := Load(t.Context(), Options{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, f := range loaded[0].Findings {
		found = append(found, f.File+": "+f.Reason)
	}
	if text := strings.Join(found, "\n"); text != "a.pem: it is a link that leads nowhere\nloop.pem: it is a link that leads nowhere\nreadme.txt: no certificate: the content is not one that certificates come in" {
		t.Error(text)
	}
}

// A private key is named, whatever error comes before it.
func TestDirectoryNamesTheKey(t *testing.T) {
	dir := t.TempDir()
	ca := roottest.NewCA(t, "A")
	write(t, filepath.Join(dir, "a.pem"), strings.Repeat("x", maxSize+1))
	write(t, filepath.Join(dir, "b.pem"), ca.PEM())
	write(t, filepath.Join(dir, "k.pem"), ca.KeyPEM(t))
	write(t, filepath.Join(dir, "l.pem"), ca.KeyPEM(t))
	_, err := Load(t.Context(), Options{}, dir)
	says(t, err, ErrRefused, dir+": a.pem: it is larger", "; k.pem: line 1: it holds a private key", "; l.pem: line 1: it holds a private key")
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("it is several lines: %v", err)
	}
}

func TestMissingFileIsSaidOnce(t *testing.T) {
	_, err := Load(t.Context(), Options{}, "./missing.pem")
	says(t, err, fs.ErrNotExist, "./missing.pem: no such file")
	if strings.HasSuffix(err.Error(), "exist") {
		t.Error(err)
	}
}

// Waiting for standard input can be interrupted. The timeout for downloads does
// not apply to it.
func TestStandardInputIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe()
		defer out.Close()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Hour, cancel)
		start := time.Now()
		_, err := Load(ctx, Options{Stdin: in}, "-")
		if took := time.Since(start); took != time.Hour || !errors.Is(err, context.Canceled) {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

func TestStandardInputMayBeSlow(t *testing.T) {
	pem := roottest.NewCA(t, "A").PEM()
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe()
		go func() {
			time.Sleep(time.Hour)
			_, _ = io.WriteString(out, pem)
			out.Close()
		}()
		if loaded, err := Load(t.Context(), Options{Stdin: in}, "-"); err != nil || loaded[0].Certs.Len() != 1 {
			t.Error(err)
		}
	})
}

// root may read everything, so the test makes the error itself.
func TestWhatMayNotBeRead(t *testing.T) {
	err := withoutPath(&fs.PathError{Op: "open", Path: "secret.pem", Err: syscall.EACCES})
	if err.Error() != "permission denied" || !strings.Contains(hintOf(err), "uid=") {
		t.Errorf("%v\n%s", err, hintOf(err))
	}
}
