package launch

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Every way to replace a file is noticed: a write, a rename over it, new
// directories above it, another target of a link. It is noticed at once, and after
// the watch has changed to inotify.
func TestWatch(t *testing.T) {
	t.Run("at once", func(t *testing.T) { testWatch(t, 0) })
	t.Run("later", func(t *testing.T) { testWatch(t, 2*brief) })
}

func testWatch(t *testing.T, later time.Duration) {
	dir := t.TempDir()
	name := filepath.Join(dir, "etc/ssl/certs/ca.crt")
	seen := make(chan bool, 100)
	stop := Watch(name, func() { seen <- true })
	time.Sleep(later)
	steps := []func(){
		func() { write(t, name) },
		func() { put(t, name, "more") },
		func() { put(t, filepath.Join(dir, "x"), "other"); rename(t, filepath.Join(dir, "x"), name) },
		func() { rename(t, filepath.Dir(name), filepath.Join(dir, "away")) },
		func() { link(t, filepath.Join(dir, "away"), filepath.Dir(name)) },
		func() { put(t, filepath.Join(dir, "away/ca.crt"), "behind a link") },
	}
	for i, step := range steps {
		step()
		select {
		case <-seen:
		case <-time.After(10 * time.Second):
			t.Fatalf("step %d is not seen", i)
		}
	}
	stop()
	for len(seen) > 0 {
		<-seen
	}
	put(t, name, "too late")
	if len(seen) > 0 {
		t.Error("it is still watched")
	}
}

func put(t *testing.T, name, data string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}
