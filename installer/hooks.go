package installer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// hooksDir holds the hooks that update-ca-certificates runs after a change.
const hooksDir = "etc/ca-certificates/update.d"

// native reports whether this package has done the work of a hook.
func native(r *Report, hook string) bool {
	return hook == "certhash" || r.java && (hook == "jks-keystore" || hook == "java-cacerts")
}

// RunHooks runs the hooks of update.d on the running system as update-ca-certificates
// does: their standard input lists the added and removed links. It returns a warning
// for each hook that fails. A failed hook does not undo the installation.
func RunHooks(ctx context.Context, dir string, report *Report) (warnings []string) {
	if !report.hooks {
		return nil
	}
	entries, err := os.ReadDir(filepath.Join(dir, hooksDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return []string{fmt.Sprintf("read /%s: %v", hooksDir, err)}
	}
	for _, entry := range entries {
		name := filepath.Join(dir, hooksDir, entry.Name())
		if info, err := os.Stat(name); err != nil || !isHook(report, entry.Name(), info) {
			continue
		}
		if err := runHook(ctx, name, report.links.lines()); err != nil {
			warnings = append(warnings, fmt.Sprintf("hook %s: %v; the certificates are installed, but the hook's work is not done: run update-ca-certificates --fresh to try again", name, err))
		}
	}
	return warnings
}

// takenByRunParts reports whether run-parts(8) accepts a name: letters, digits,
// underscores and dashes.
func takenByRunParts(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

// isHook reports whether run-parts would run a file, and this package has not done its
// work.
func isHook(r *Report, name string, info fs.FileInfo) bool {
	return takenByRunParts(name) && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 && !native(r, name)
}

// tellHooks names the hooks of a root that is not the running system: they do not run.
func (e *edit) tellHooks() {
	entries, err := fs.ReadDir(e.root, hooksDir)
	if e.opt.Live || !e.report.hooks || err != nil {
		return
	}
	for _, entry := range entries {
		if info, err := fs.Stat(e.root, path.Join(hooksDir, entry.Name())); err == nil && isHook(e.report, entry.Name(), info) {
			e.tell("the hook /%s/%s was not run: hooks run on the running system only", hooksDir, entry.Name())
		}
	}
}

// heldOutput is the time to wait for the output of a hook that has ended or was killed.
// A process that the hook started may keep the output open for ever.
const heldOutput = time.Second

func runHook(ctx context.Context, name, lines string) error {
	cmd := exec.CommandContext(ctx, name)
	cmd.Dir = "/"
	cmd.Stdin = strings.NewReader(lines)
	cmd.WaitDelay = heldOutput
	out, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil // it ended well
	}
	if err != nil && len(out) > 0 {
		return fmt.Errorf("%w: %s", err, firstOf(out))
	}
	return err
}

// firstOf returns the first line of a program's output.
func firstOf(out []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(out), []byte("\n"))
	return string(bytes.TrimSpace(line))
}
