//go:build e2e

package compare

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/certgraft/certgraft/e2e/rig"
)

// A scene is a place and what is done in it.
type scene struct {
	name  string
	lay   func(t *testing.T, dir string) // lays what the commands work on
	steps []string                       // arguments of certgraft, which runs in the place
}

// moment is what is seen of one step. Files are those that differ from the moment
// before.
type moment struct {
	status         int
	stdout, stderr string
	files          map[string]string
}

// seen is how many moments were compared, and how many of them succeeded.
type seen struct{ moments, done int }

// play plays a scene with both binaries and compares each moment.
func play(t *testing.T, place string, other string, s scene) (n seen) {
	t.Helper()
	theirs := perform(t, place, other, s)
	ours := perform(t, place, rig.Certgraft, s)
	for i, args := range s.steps {
		what := fmt.Sprintf("%s: certgraft %s", s.name, args)
		if theirs[i].status != ours[i].status {
			t.Errorf("%s: status %d was %d", what, ours[i].status, theirs[i].status)
		}
		sameText(t, what+": standard output", theirs[i].stdout, ours[i].stdout)
		sameText(t, what+": standard error", anyLayer.ReplaceAllString(theirs[i].stderr, "a layer"), anyLayer.ReplaceAllString(ours[i].stderr, "a layer"))
		rig.Same(t, what, theirs[i].files, ours[i].files)
		n.moments++
		if ours[i].status == 0 {
			n.done++
		}
	}
	return n
}

// anyLayer is what an image with several damaged layers is refused for: they are
// read at a time, and which is named first is chance.
var anyLayer = regexp.MustCompile(`layer sha256:[0-9a-f]{64}`)

// perform plays a scene with one binary, in a fresh place of the same name.
func perform(t *testing.T, place, binary string, s scene) (moments []moment) {
	t.Helper()
	rig.Run(t, "rm", "-rf", place)
	work := filepath.Join(place, "work")
	rig.Run(t, "mkdir", "-p", work, filepath.Join(place, "home"))
	program := filepath.Join(place, "certgraft")
	rig.Run(t, "cp", binary, program)
	if s.lay != nil {
		s.lay(t, work)
	}
	rig.Run(t, "find", work, "-exec", "touch", "-h", "-d", fmt.Sprint("@", old.Unix()), "{}", "+")
	before := look(t, work, nil)
	for _, args := range s.steps {
		m := step(t, place, work, program, strings.Fields(args))
		now := look(t, work, before)
		m.files = change(before, now)
		before = now
		moments = append(moments, m)
	}
	return moments
}

// old is when everything was made that a scene begins with.
var old = time.Unix(1_500_000_000, 0)

// step runs the program with no variables but these.
func step(t *testing.T, place, work, program string, args []string) (m moment) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = work, &stdout, &stderr
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + filepath.Join(place, "home"), "SOURCE_DATE_EPOCH=1800000000", "TZ=UTC", "LC_ALL=C"}
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		m.status = exit.ExitCode()
	} else if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	m.stdout, m.stderr = stdout.String(), stderr.String()
	return m
}

// A stock is every file of a directory: what is seen of it, and by what it is known
// that it is still the same.
type stock map[string]struct{ line, stamp string }

// look describes every file: type, mode, owner, target and content, and whether it
// was written since the scene began. What has not changed since before is not read
// again.
func look(t *testing.T, dir string, before stock) stock {
	t.Helper()
	now := stock{}
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(name)
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		file := before[name]
		if stamp := fmt.Sprint(st.Ino, st.Size, st.Ctim, st.Mtim); file.stamp != stamp {
			file.stamp = stamp
			if file.line, err = describe(name, info); err != nil {
				return err
			}
		}
		now[name] = file
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return now
}

func describe(name string, info fs.FileInfo) (string, error) {
	st := info.Sys().(*syscall.Stat_t)
	line := fmt.Sprintf("%v %d:%d", info.Mode(), st.Uid, st.Gid)
	if st.Mtim.Sec != old.Unix() {
		line += " written"
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(name)
		return line + " -> " + target, err
	case info.Mode().IsRegular():
		data, err := os.ReadFile(name)
		return fmt.Sprintf("%s %x", line, sha256.Sum256(data)), err
	}
	return line, nil
}

// change returns the files that are not as they were.
func change(before, now stock) map[string]string {
	files := map[string]string{}
	for name, file := range now {
		if before[name].line != file.line {
			files[name] = file.line
		}
	}
	for name := range before {
		if _, ok := now[name]; !ok {
			files[name] = "is gone"
		}
	}
	return files
}

// sameText names the first line that differs.
func sameText(t *testing.T, what, want, got string) {
	t.Helper()
	if want == got {
		return
	}
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(a), len(b)) {
		var was, is string
		if i < len(a) {
			was = a[i]
		}
		if i < len(b) {
			is = b[i]
		}
		if was != is {
			t.Errorf("%s, line %d\n was %.300q\n is  %.300q", what, i+1, was, is)
			return
		}
	}
}

// TestCompare plays every scene with both.
func TestCompare(t *testing.T) {
	other := os.Getenv("CERTGRAFT_OTHER")
	if other == "" {
		t.Skip("NOT COMPARED: there is no other binary: make compare OTHER=BINARY")
	}
	place, err := os.MkdirTemp("/dev/shm", "certgraft-compare-") //nolint:usetesting // that is on the disk, which takes minutes to sync
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rig.Run(t, "rm", "-rf", place) })
	for _, part := range []struct {
		name   string
		scenes func(t *testing.T) []scene
		least  seen // else the scenes do not do what they are for
	}{
		{"roots", roots, seen{700, 600}},
		{"images", images, seen{3500, 700}},
		{"sources", sources, seen{1500, 1200}},
		{"catalogue", catalogue, seen{100, 90}},
	} {
		t.Run(part.name, func(t *testing.T) {
			var all seen
			for _, s := range part.scenes(t) {
				t.Run(s.name, func(t *testing.T) {
					n := play(t, place, other, s)
					all.moments, all.done = all.moments+n.moments, all.done+n.done
				})
			}
			t.Logf("%s: %d commands, %d of which succeed", part.name, all.moments, all.done)
			if os.Getenv("CERTGRAFT_TESTDATA") != "" && (all.moments < part.least.moments || all.done < part.least.done) {
				t.Errorf("%d commands were compared, %d of which succeed: too few", all.moments, all.done)
			}
		})
	}
}
