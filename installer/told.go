package installer

import (
	"fmt"
	"slices"
	"strings"
)

// This file reports trust that this program cannot change, so that an installed CA
// stays untrusted: anchors that no tool has read, and compiled-in roots.

// inspectAnchors names the anchors that no tool has read, for inspect.
func (e *edit) inspectAnchors() error {
	for _, s := range []anchorStore{debian, alpine} {
		if !s.used(e) {
			continue
		}
		st, err := s.readState(e.root, func([]byte) {})
		if err != nil {
			return err
		}
		e.tellAnchors(st.anchors, st.data, false, s.reads, nil)
	}
	return nil
}

// warnAlone warns of a bundle that was empty in a root with another bundle. Programs
// that read it now trust only the installed certificates.
func (e *edit) warnAlone(want []wanted) {
	for _, s := range e.report.Stores {
		if s.Added > 0 && s.Added == s.Total && slices.Contains(e.bundlePaths, strings.TrimPrefix(s.Path, "/")) && !isPublic(setOf(want)) {
			e.warn("the bundle %s held no CA, and programs that read it now trust only %s: for the public CAs install the source %s too", s.Path, these(s.Added), mozillaSource)
			return
		}
	}
}

// compiled lists libraries that trust their own roots, whatever the root file system
// has, and that no variable changes.
var compiled = []struct {
	runtime  string
	patterns []string
	file     bool // the patterns match its file of roots
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

// erlangLibraries returns the paths at which releases, and Mix, keep a file of a
// library.
func erlangLibraries(name, file string) (patterns []string) {
	for _, dir := range []string{"app/lib/", "opt/*/lib/", "opt/lib/", "srv/*/lib/", "home/*/lib/", "usr/local/lib/erlang/lib/", "usr/lib/erlang/lib/"} {
		patterns = append(patterns, dir+name+"-*/"+file)
	}
	for _, dir := range []string{"app/deps/", "app/_build/*/lib/", "usr/src/app/deps/", "usr/src/app/_build/*/lib/"} {
		patterns = append(patterns, dir+name+"/"+file)
	}
	return patterns
}

// adviseCompiled names the libraries in the root with compiled-in roots.
func (e *edit) adviseCompiled(want []wanted) {
	bundle := e.bundleName()
	if len(want) == 0 || bundle == "" {
		return
	}
	for _, lib := range compiled {
		var found []string
		for _, name := range e.search().Glob(lib.patterns...) {
			if !lib.file || !e.hasAll(name, want) {
				found = append(found, "/"+name)
			}
		}
		if len(found) > 0 {
			e.report.Advice = append(e.report.Advice, Advice{Runtime: lib.runtime, Path: found[0], Others: found[1:], Do: fmt.Sprintf(lib.do, bundle)})
		}
	}
}
