package image

import (
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// copies returns, for each layer, the path to which it only copies according to
// the history, or "". It returns nil if the history does not describe these
// layers.
func (it *item) copies() []string {
	var steps []string
	workdir := ""
	for _, h := range it.config.History {
		if to, ok := cutStep(h.CreatedBy, "WORKDIR "); ok && h.EmptyLayer {
			workdir = join(workdir, to)
		}
		if !h.EmptyLayer {
			if to, ok := cutStep(h.CreatedBy, "WORKDIR "); ok { // BuildKit makes the directory in a layer
				workdir = join(workdir, to)
			}
			steps = append(steps, copyTo(h.CreatedBy, workdir))
		}
	}
	if len(steps) != len(it.manifest.Layers) {
		return nil
	}
	return steps
}

// cutStep returns the text after an instruction, in the format of BuildKit or
// of the classic builder.
func cutStep(createdBy, instruction string) (string, bool) {
	text := strings.TrimSpace(strings.TrimPrefix(createdBy, "/bin/sh -c #(nop)"))
	rest, ok := strings.CutPrefix(text, instruction)
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "# buildkit")), ok
}

// copyTo returns the absolute path to which a step only copies. It returns ""
// if the step may do more, or if the builder's history is not exact. Exact are
// BuildKit ("COPY --chown=1 a b /to # buildkit") and the classic builder
// ("/bin/sh -c #(nop) COPY dir:… in /to"), whose format buildah also writes.
func copyTo(createdBy, workdir string) string {
	classic := strings.HasPrefix(createdBy, "/bin/sh -c #(nop) ")
	if !classic && !strings.HasSuffix(createdBy, " # buildkit") {
		return ""
	}
	for _, instruction := range []string{"COPY ", "ADD "} {
		rest, ok := cutStep(createdBy, instruction)
		if !ok {
			continue
		}
		words := strings.Fields(rest)
		if strings.ContainsAny(rest, "[]{}\"'\\$*<") || len(words) < 2 || classic && (len(words) != 3 || words[1] != "in") {
			return ""
		}
		return join(workdir, words[len(words)-1])
	}
	return ""
}

// join resolves a path against the working directory; "" is an unknown
// directory.
func join(workdir, to string) string {
	switch {
	case strings.ContainsAny(to, "$\"'"):
		return ""
	case path.IsAbs(to):
		return path.Clean(to)
	case workdir == "":
		return ""
	}
	return path.Join(workdir, to)
}

// step returns the first 60 characters of a layer's step in the history.
func (it *item) step(layer int) string {
	for _, h := range it.config.History {
		if h.EmptyLayer {
			continue
		}
		if layer--; layer < 0 {
			words := strings.Join(strings.Fields(h.CreatedBy), " ")
			if runes := []rune(words); len(runes) > 60 {
				words = string(runes[:59]) + "…"
			}
			return words
		}
	}
	return ""
}

// ownStep returns the place of the topmost layer's step if certgraft wrote it,
// else -1.
func (u *updater) ownStep(steps []oci.History) int {
	for i, step := range slices.Backward(steps) {
		if !step.EmptyLayer {
			if u.isOurs(step) {
				return i
			}
			return -1
		}
	}
	return -1
}

// rewrittenStep returns the place of the step for edited layers, else -1.
func (u *updater) rewrittenStep(steps []oci.History) int {
	return slices.IndexFunc(steps, func(step oci.History) bool { return step.EmptyLayer && u.isOurs(step) })
}

func (u *updater) isOurs(step oci.History) bool {
	return slices.ContainsFunc([]string{" patch ", " remove ", " distrust "}, func(verb string) bool {
		return strings.HasPrefix(step.CreatedBy+" ", u.opt.program()+verb)
	})
}

// sourcesOf returns the sources that a step of certgraft's patched in.
func sourcesOf(step oci.History) []string {
	if words := strings.Fields(step.CreatedBy); len(words) > 2 && words[1] == "patch" {
		return words[2:]
	}
	return nil
}
