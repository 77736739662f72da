package installer

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
)

// What is not this program's to change, and leads to "I installed it, and it is not
// trusted", is told: anchors that nothing has read, roots that are compiled in.

// tellAnchors names the local anchors that are not in the bundle yet, and the files
// beside them that hold certificates and that the tool does not read; but for those of
// what is wanted.
func (s anchorStore) tellAnchors(e *edit, st *state, want []wanted) {
	var has map[certs.Fingerprint]bool // once it is asked for
	coming := func(c *certs.Certificate) bool {
		if has == nil {
			has = map[certs.Fingerprint]bool{}
			for c := range e.reader.Held(st.data).All() {
				has[c.Fingerprint()] = true
			}
			for _, w := range want {
				has[w.Fingerprint()] = true
			}
		}
		return has[c.Fingerprint()]
	}
	var pending []string
	read := map[string]bool{}
	for _, f := range st.anchors.files {
		read[f.name()] = true
		if st.data == nil || st.bundle || !f.local() || isOurs(f.path) {
			continue
		}
		if in, _ := e.reader.Open(f.data); lacking(in.Held, coming) {
			pending = append(pending, f.path)
		}
	}
	if len(pending) > 0 {
		do := "run update-ca-certificates"
		if !hasUpdateTool(e.root) {
			do = "certgraft install it"
		}
		e.warn("%s is an anchor and is not in the bundle yet: %s", some(pending), do)
	}
	for _, f := range e.filesBelow(localDir, read) {
		found := &certs.Set{}
		for _, c := range e.certificatesOf(f) {
			found.Add(c, "")
		}
		if lacking(found, coming) {
			e.warn("%s holds certificates and update-ca-certificates does not read it: %s; rename it, or certgraft install it", f.path, s.reads)
		}
	}
}

// inspectAnchors tells the same of a root that is looked at.
func (e *edit) inspectAnchors() error {
	for _, s := range []anchorStore{debian, alpine} {
		if !s.used(e) {
			continue
		}
		st, err := s.readState(e.root, func([]byte) {})
		if err != nil {
			return err
		}
		s.tellAnchors(e, st, nil)
	}
	return nil
}

// lacking reports whether a set has a certificate that is not coming.
func lacking(set *certs.Set, coming func(*certs.Certificate) bool) bool {
	for c := range set.All() {
		if !coming(c) {
			return true
		}
	}
	return false
}

// largestAnchor is how large a file may be that is looked into for a certificate.
const largestAnchor = 1 << 20

// filesBelow returns the files in a directory and those below it, but for those that
// were read.
func (e *edit) filesBelow(dir string, read map[string]bool) (files []anchor) {
	entries, _ := e.root.ReadDir(dir) // one that is missing has nothing
	for _, entry := range entries {
		name := path.Join(dir, entry.Name())
		if entry.IsDir() {
			files = append(files, e.filesBelow(name, read)...)
			continue
		}
		info, err := fs.Stat(e.root, name)
		if err != nil || !info.Mode().IsRegular() || info.Size() > largestAnchor || read[name] {
			continue
		}
		if data, err := e.root.Content(name); err == nil {
			files = append(files, anchor{"/" + name, data})
		}
	}
	return files
}

// warnAlone warns of a bundle that held nothing, in a root that has another, so that
// the programs that read it trust only what was installed.
func (e *edit) warnAlone(want []wanted) {
	for _, s := range e.report.Stores {
		if s.Added > 0 && s.Added == s.Total && slices.Contains(e.bundlePaths, strings.TrimPrefix(s.Path, "/")) && !isPublic(setOf(want)) {
			e.warn("the bundle %s held no CA, and programs that read it now trust only %s: for the public CAs install the source %s too", s.Path, these(s.Added), mozillaSource)
			return
		}
	}
}

// compiled is the libraries that trust roots of their own, whatever the root file
// system has, and for which there is no variable.
var compiled = []struct {
	runtime  string
	patterns []string
	file     bool // what is found is its file of roots
	do       string
}{
	{
		"Elixir's castore", erlangLibraries("castore", "priv/cacerts.pem"), true,
		"Mint, Finch and Req take its roots where the code says so, or Erlang is older than 25: give them transport_opts: [cacertfile: %q]",
	},
	{
		"hackney's certifi", erlangLibraries("certifi", "ebin/certifi.app"), false,
		"its roots are compiled in: give hackney, or HTTPoison, ssl_options: [cacertfile: %q]",
	},
}

// erlangLibraries are where releases, and Mix, have a file of a library.
func erlangLibraries(name, file string) (patterns []string) {
	for _, dir := range []string{"app/lib/", "opt/*/lib/", "opt/lib/", "srv/*/lib/", "home/*/lib/", "usr/local/lib/erlang/lib/", "usr/lib/erlang/lib/"} {
		patterns = append(patterns, dir+name+"-*/"+file)
	}
	for _, dir := range []string{"app/deps/", "app/_build/*/lib/", "usr/src/app/deps/", "usr/src/app/_build/*/lib/"} {
		patterns = append(patterns, dir+name+"/"+file)
	}
	return patterns
}

// adviseCompiled names the libraries in the root that have roots compiled in.
func (e *edit) adviseCompiled(want []wanted) {
	bundle := e.bundleName()
	if len(want) == 0 || bundle == "" {
		return
	}
	for _, lib := range compiled {
		var found []string
		for _, pattern := range lib.patterns {
			names, _ := fs.Glob(e.root, pattern)
			for _, name := range names {
				if !lib.file || !e.hasAll(name, want) {
					found = append(found, "/"+name)
				}
			}
		}
		if len(found) > 0 {
			e.report.Advice = append(e.report.Advice, Advice{Runtime: lib.runtime, Path: found[0], Others: found[1:], Do: fmt.Sprintf(lib.do, bundle)})
		}
	}
}
