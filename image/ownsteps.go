package image

import (
	"slices"
	"strings"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// ownStep returns the place of the step of the topmost layer, if that is ours,
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

// rewrittenStep returns the place of the step that says that layers were edited,
// else -1.
func (u *updater) rewrittenStep(steps []oci.History) int {
	return slices.IndexFunc(steps, func(step oci.History) bool { return step.EmptyLayer && u.isOurs(step) })
}

func (u *updater) isOurs(step oci.History) bool {
	return strings.HasPrefix(step.CreatedBy+" ", u.opt.program()+" patch ") || strings.HasPrefix(step.CreatedBy+" ", u.opt.program()+" remove ")
}

// sourcesOf returns the sources that a step of ours says are patched in.
func sourcesOf(step oci.History) []string {
	if words := strings.Fields(step.CreatedBy); len(words) > 2 && words[1] == "patch" {
		return words[2:]
	}
	return nil
}
