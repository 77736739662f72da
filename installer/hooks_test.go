package installer_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/rootfs"
)

// A process that a hook started may outlive the hook and hold its output. RunHooks does
// not wait for it, neither after the hook has ended nor after the user has stopped the
// run.
func TestHookThatLeavesSomethingRunning(t *testing.T) {
	for name, test := range map[string]struct {
		script  string
		timeout time.Duration
		warns   bool
	}{
		"it ended well":     {"sleep 20 &\n", time.Minute, false},
		"it was cancelled":  {"sleep 20 &\nsleep 20\n", 200 * time.Millisecond, true},
		"it ended not well": {"sleep 20 &\nexit 3\n", time.Minute, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			roottest.Script(t, filepath.Join(dir, "etc/ca-certificates/update.d/hook"), test.script)
			report, err := installer.Install(rootfs.NewOverlay(debianTree(nil)), []installer.Source{corp(t)}, installer.Options{Live: true})
			must(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), test.timeout)
			defer cancel()
			begun := time.Now()
			if warnings := installer.RunHooks(ctx, dir, report); (len(warnings) > 0) != test.warns || time.Since(begun) > 10*time.Second {
				t.Errorf("%q after %s", warnings, time.Since(begun))
			}
		})
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}
