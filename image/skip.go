package image

import (
	"context"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/image/internal/layer"
)

// skip decides whether each layer of an image is read: "" if so, else the path
// to which the layer only copies.
func (u *updater) skip(ctx context.Context, it *item) []string {
	plan := make([]string, len(it.manifest.Layers))
	copies := it.copies()
	for i, d := range it.manifest.Layers {
		if _, to := u.mayMatter(it, d, copies, i); to != "" && u.reader.Knows(ctx, d) == "" {
			plan[i] = to
		}
	}
	return plan
}

// mayMatter returns the reason to read a layer, or the path to which it only
// copies. It believes only a history that is exact; see copyTo.
func (u *updater) mayMatter(it *item, d Descriptor, copies []string, i int) (why, to string) {
	switch {
	case u.opt.Scan != ScanAuto:
		return "every layer must be read", ""
	case d.Size <= smallLayer:
		return "it is small", ""
	case copies == nil:
		return "the history does not have a step for each layer", ""
	case copies[i] == "":
		return "its step may do anything: " + it.step(i), ""
	case !aside(copies[i]):
		return "it copies to " + copies[i] + ", where stores may be", ""
	case it.refersTo(copies[i]):
		return "it copies to " + copies[i] + ", which the config names", ""
	}
	return "", copies[i]
}

// aside reports whether a path is neither in nor above a place that may hold a
// store.
func aside(to string) bool {
	name := strings.TrimPrefix(to, "/")
	if name == "" {
		return false
	}
	for _, p := range trustPlaces {
		if name == p || strings.HasPrefix(name, p+"/") || strings.HasPrefix(p, name+"/") {
			return false
		}
	}
	lower := strings.ToLower(name)
	return !slices.ContainsFunc(runtimeWords, func(word string) bool { return strings.Contains(lower, word) })
}

// trustPlaces are the directories in and above which certificates, their tools
// and the runtimes that use them may be.
var trustPlaces = []string{
	"etc", "usr", "lib", "lib32", "lib64", "libx32", "bin", "sbin", "var", "root", "run", "nix", "kaniko", "busybox",
	"opt/java", "opt/venv", "opt/conda", "opt/bitnami", "opt/homebrew", "layers", "cnb",
}

// runtimeWords mark a directory of a runtime with a trust store of its own.
var runtimeWords = []string{"jdk", "jre", "java", "conda", "python", "venv", "node", "ruby", "cert", "ssl"}

// reconsider unskips layers if the read layers show that the skipped ones may
// matter: a link leads away from their place, or no read layer has the runtime
// that the image starts.
func (u *updater) reconsider(ctx context.Context, it *item) error {
	if !slices.ContainsFunc(it.skipped, func(to string) bool { return to != "" }) {
		return nil
	}
	seen, err := u.tree(ctx, it, len(it.skipped))
	if err != nil {
		return err
	}
	lost := it.startsUnseen(seen)
	for i, to := range it.skipped {
		if to != "" && (lost || linked(seen.Root, to)) {
			it.skipped[i] = ""
		}
	}
	return nil
}

// linked reports whether a path contains a link.
func linked(root *layer.Node, to string) bool {
	at := root
	for elem := range strings.SplitSeq(strings.Trim(to, "/"), "/") {
		if at = at.Dir.Get(elem); at == nil {
			return false
		}
		if at.IsLink() {
			return true
		}
	}
	return false
}
