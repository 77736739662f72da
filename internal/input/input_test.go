package input

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The context ends every wait, and its cause is the error.
func TestWaitsEnd(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	stalled, end := io.Pipe()
	defer end.Close()
	for name, wait := range map[string]func(context.Context) error{
		"open":      func(ctx context.Context) error { _, err := Open(ctx, fifo); return err },
		"read file": func(ctx context.Context) error { _, err := ReadFile(ctx, fifo); return err },
		"read":      func(ctx context.Context) error { _, err := io.ReadAll(Reader(ctx, stalled)); return err },
	} {
		t.Run(name, func(t *testing.T) {
			why := errors.New("it is over")
			ctx, cancel := context.WithCancelCause(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- wait(ctx) }()
			select {
			case err := <-ended:
				t.Fatalf("it did not wait: %v", err)
			case <-time.After(20 * time.Millisecond):
			}
			cancel(why)
			select {
			case err := <-ended:
				if !errors.Is(err, why) {
					t.Errorf("%v", err)
				}
			case <-time.After(10 * time.Second):
				t.Error("it waits still")
			}
		})
	}
}

func TestReads(t *testing.T) {
	want := strings.Repeat("0123456789", 100_000)
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
	data, err := ReadFile(t.Context(), name)
	if err != nil || string(data) != want {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	f, err := Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if data, err = io.ReadAll(Reader(t.Context(), f)); err != nil || string(data) != want {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	if _, err := ReadFile(t.Context(), name+"2"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
