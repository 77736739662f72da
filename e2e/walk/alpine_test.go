//go:build e2e

package walk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

var (
	// alpineTool is Alpine with the package ca-certificates, whose tool cannot be had
	// here and is replayed.
	alpineTool = &kind{
		name: "alpine", suite: "bookworm", view: viewCertDir, bundle: "bundle", tool: replayAlpine, appends: true,
		brings: []string{"m1", "m2", "m3"}, generated: []string{"etc/ssl/certs", "etc/ssl/cert.pem"}, refuses: deselects,
		lay: func(t *testing.T, root string) {
			layDebian(t, "bookworm", root)
			layAlpine(t, root)
			must(os.RemoveAll(filepath.Join(root, "var/lib/dpkg")))
			must(replayAlpine(nil, root, true))
		},
		verbs: merged(bundleVerbs(toolsBundle), anchorVerbs(localDir, ".crt", later), confVerbs(), toolVerbs(replayAlpine), straightVerbs(replayRehash)),
	}
	// alpineBundle is Alpine with the package ca-certificates-bundle alone, as images
	// are: anchors wait for a tool that may come.
	alpineBundle = &kind{
		name: "alpine-bundle", suite: "bookworm", view: viewBundle, bundle: "bundle", appends: true,
		brings: []string{"m1", "m2", "m3"}, generated: []string{toolsBundle},
		lay: func(t *testing.T, root string) {
			layBundle(t, root)
			layAlpine(t, root)
		},
		verbs: merged(bundleVerbs(toolsBundle), anchorVerbs(localDir, ".crt", later)),
	}
)

func layAlpine(t *testing.T, root string) {
	t.Helper()
	rig.Write(t, filepath.Join(root, "etc/os-release"), "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.20.3\nPRETTY_NAME=\"Alpine Linux v3.20\"\n")
	rig.Write(t, filepath.Join(root, "lib/apk/db/installed"), "")
	must(os.Symlink("certs/ca-certificates.crt", filepath.Join(root, "etc/ssl/cert.pem")))
}

// replayAlpine does what update-ca.c of Alpine does: a link to each anchor, all of
// them in one bundle, each with a line feed behind it, and c_rehash.
func replayAlpine(_ *world, root string, _ bool) error {
	links, bundle, err := alpineAnchors(root)
	if err != nil {
		return err
	}
	dir := filepath.Join(root, "etc/ssl/certs")
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range list {
		name := filepath.Join(dir, entry.Name())
		target, err := os.Readlink(name)
		if err == nil && (strings.HasPrefix(target, "/usr/share/ca-certificates/") || strings.HasPrefix(target, "/"+localDir+"/")) && links[entry.Name()] != target {
			must(os.Remove(name))
		}
	}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "bundle"), bundle, 0o644); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(dir, "bundle"), filepath.Join(root, toolsBundle)); err != nil {
		return err
	}
	return replayRehash(root)
}

// alpineAnchors returns the links to anchors by their names, and the bundle.
func alpineAnchors(root string) (links map[string]string, bundle []byte, err error) {
	conf, err := os.ReadFile(filepath.Join(root, "etc/ca-certificates.conf"))
	if err != nil {
		return nil, nil, err
	}
	var anchors []string
	for line := range strings.Lines(string(conf)) {
		if line = strings.TrimSpace(line); line != "" && !strings.ContainsAny(line[:1], "#!") {
			anchors = append(anchors, "usr/share/ca-certificates/"+line)
		}
	}
	local, err := os.ReadDir(filepath.Join(root, localDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	for _, entry := range local {
		anchors = append(anchors, localDir+"/"+entry.Name())
	}
	links = map[string]string{}
	for _, name := range anchors {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			continue // the package is gone
		}
		links["ca-cert-"+strings.TrimSuffix(filepath.Base(name), ".crt")+".pem"] = "/" + name
		bundle = append(append(bundle, data...), '\n')
	}
	return links, bundle, nil
}

// replayRehash does what c_rehash does: all links named by hash are made anew,
// for each certificate one.
func replayRehash(root string) error {
	const dir = "etc/ssl/certs"
	list, err := os.ReadDir(filepath.Join(root, dir))
	if err != nil {
		return err
	}
	for _, entry := range list {
		if head, number, ok := strings.Cut(entry.Name(), "."); ok && entry.Type()&fs.ModeSymlink != 0 && len(head) == 8 && strings.Trim(head, "0123456789abcdef") == "" && strings.Trim(number, "0123456789") == "" {
			must(os.Remove(filepath.Join(root, dir, entry.Name())))
		}
	}
	next, seen := map[string]int{}, map[string]bool{}
	for _, entry := range list {
		if !slices.Contains([]string{".pem", ".crt", ".cer"}, filepath.Ext(entry.Name())) {
			continue
		}
		data, err := readIn(root, filepath.Join(dir, entry.Name()))
		found := blocks(data)
		if err != nil || len(found) != 1 || seen[printOf(found[0].der)] {
			continue
		}
		seen[printOf(found[0].der)] = true
		hash := subjectHash(found[0].der)
		if err := os.Symlink(entry.Name(), filepath.Join(root, dir, fmt.Sprintf("%s.%d", hash, next[hash]))); err != nil {
			return err
		}
		next[hash]++
	}
	return nil
}
