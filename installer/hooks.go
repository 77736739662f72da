package installer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// hooksDir holds what else update-ca-certificates runs after a change.
const hooksDir = "etc/ca-certificates/update.d"

// native are the hooks whose work this package does itself.
var native = map[string]bool{"certhash": true}

// hookName is what run-parts(8) takes.
var hookName = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

// RunHooks runs the hooks of update.d on the running system, with the links
// that came and went on their standard input, as update-ca-certificates does,
// and returns a warning for each that fails. A hook that fails is no reason to
// undo what was installed.
func RunHooks(ctx context.Context, dir string, report *Report) (warnings []string) {
	if report.Detection.Family == "bundle" {
		return nil
	}
	entries, err := os.ReadDir(filepath.Join(dir, hooksDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return []string{fmt.Sprintf("read /%s: %v", hooksDir, err)}
	}
	for _, entry := range entries {
		name := filepath.Join(dir, hooksDir, entry.Name())
		info, err := os.Stat(name)
		if err != nil || native[entry.Name()] || !hookName.MatchString(entry.Name()) || !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
			continue
		}
		if err := runHook(ctx, name, report.links.lines()); err != nil {
			warnings = append(warnings, fmt.Sprintf("hook %s: %v; run update-ca-certificates to see why", name, err))
		}
	}
	return warnings
}

func runHook(ctx context.Context, name, lines string) error {
	cmd := exec.CommandContext(ctx, name)
	cmd.Dir = "/"
	cmd.Stdin = strings.NewReader(lines)
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) > 0 {
		return fmt.Errorf("%w: %s", err, firstLine(string(out)))
	}
	return err
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

// lines are what a hook reads: +LINK for each that came, -LINK for each that
// went.
func (c linkChanges) lines() string {
	var out strings.Builder
	for _, name := range c.added {
		out.WriteString("+" + name + "\n")
	}
	for _, name := range c.removed {
		out.WriteString("-" + name + "\n")
	}
	return out.String()
}
