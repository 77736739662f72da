package installer

import (
	"fmt"
	"slices"
	"strings"
)

// What is not this program's to change, and leads to "I installed it, and it is not
// trusted", is told: anchors that nothing has read, roots that are compiled in.

// inspectAnchors names what nothing has read among the anchors of a root that is looked
// at.
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
