package bundles

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/certgraft/certgraft/internal/roottest"
)

// Whoever waits for standard input can be interrupted; the time for downloads is
// not for it.
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
