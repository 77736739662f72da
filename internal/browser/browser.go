// Package browser knows the browsers of a root: which there are, the files in which
// an administrator sets policies for them, and the databases of NSS.
//
// Start with [Find], which names the browsers, and [Policies], which says in which
// file of policies a list must stand so that they obey it. [Open] reads such a file
// and edits lists in it; every other byte stays. [Databases] names the databases of
// NSS, and [StandIn] what makes them unnecessary.
package browser

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/internal/glob"
	"github.com/certgraft/certgraft/rootfs"
)

// A Browser is a browser in a root.
type Browser struct {
	Name string
	Path string // of its program, or of its directory of policies
	family
}

// family is the browsers that read policies in the same place.
type family struct {
	name     string
	kind     Kind
	policies string   // of Chromium's kind: the directory; of Firefox's: the file for all Firefoxes
	programs []string // {home} is every home directory
}

// firefoxPolicies is the file that every Firefox reads, and if it exists no other.
const firefoxPolicies = "etc/firefox/policies/policies.json"

// playwrights is Firefox as Playwright builds it: it reads the file that a variable
// names, and no other.
const (
	playwrights        = "Playwright's Firefox"
	playwrightPolicies = "etc/playwright/policies.json"
)

// families is every family. Chrome's headless shell reads no policies.
var families = []family{
	{"Chromium", Chromium, "etc/chromium/policies/managed", []string{
		"usr/lib/chromium/chromium", "usr/lib64/chromium/chromium", "usr/lib64/chromium-browser/chromium-browser", "usr/lib/chromium/chromium-launcher.sh",
		"ms-playwright/chromium-*/chrome-linux/chrome", "{home}/.cache/ms-playwright/chromium-*/chrome-linux/chrome",
	}},
	{"Chromium of Ubuntu", Chromium, "etc/chromium-browser/policies/managed", []string{"usr/lib/chromium-browser/chromium-browser", "snap/chromium/current/usr/lib/chromium-browser/chrome"}},
	{"Chrome", Chromium, "etc/opt/chrome/policies/managed", []string{"opt/google/chrome*/chrome"}},
	{"Chrome for Testing", Chromium, "etc/opt/chrome_for_testing/policies/managed", []string{
		"ms-playwright/chromium-*/chrome-linux64/chrome", "{home}/.cache/ms-playwright/chromium-*/chrome-linux64/chrome", "{home}/.cache/puppeteer/chrome/*/chrome-linux64/chrome",
	}},
	{"Edge", Chromium, "etc/opt/edge/policies/managed", []string{"opt/microsoft/msedge*/msedge"}},
	{"Brave", Chromium, "etc/brave/policies/managed", []string{"opt/brave.com/brave*/brave"}},
	{playwrights, Firefox, playwrightPolicies, []string{"ms-playwright/firefox-*/firefox/libxul.so", "{home}/.cache/ms-playwright/firefox-*/firefox/libxul.so"}},
	{"Firefox", Firefox, firefoxPolicies, []string{"usr/lib/firefox*/libxul.so", "usr/lib64/firefox*/libxul.so", "opt/firefox*/libxul.so", "usr/local/firefox*/libxul.so", "usr/local/lib/firefox*/libxul.so"}},
}

// Variable returns the variable that must name the file of policies, and its value;
// "" for a browser that finds the file by itself.
func (b Browser) Variable() (name, value string) {
	if b.Name == playwrights {
		return "PLAYWRIGHT_FIREFOX_POLICIES_JSON", "/" + playwrightPolicies // from Playwright 1.53 on
	}
	return "", ""
}

// LoadsNSS reports whether the browser loads NSS's module of public roots by its
// name; see [StandIn].
func (b Browser) LoadsNSS() bool { return b.kind == Chromium }

// Find returns the browsers of a root that read policies: each program, and of a
// family without one its directory of policies.
func Find(root *rootfs.Overlay) (all []Browser) {
	tree := glob.New(root)
	for _, f := range families {
		var programs []string
		seen := map[string]bool{}
		for _, name := range tree.Match(f.programs...) {
			if real, ok := tree.Enter(seen, name); ok {
				programs = append(programs, real)
			}
		}
		if _, err := fs.Stat(root, path.Dir(f.policies)); len(programs) == 0 && err == nil {
			programs = []string{path.Dir(f.policies)}
		}
		for _, p := range programs {
			all = append(all, Browser{f.name, "/" + p, f})
		}
	}
	return all
}

// Target is a file of policies in which a list must stand.
type Target struct {
	Path     string // without the first slash; the file may be missing
	Kind     Kind
	Key      []string // of the list
	Browsers []string // names of those that read it
	Passed   []string // files beside it that are no JSON, and that the browsers pass over
}

// Policies returns the files in which a list must stand so that the browsers that
// were found obey it. Chromium calls the list chromium, and Firefox firefox, below
// "policies"; browsers of a kind without one are left out.
func Policies(root *rootfs.Overlay, found []Browser, chromium string, firefox ...string) (targets []Target, err error) {
	var firefoxes []Browser
	var playwright []string
	for _, b := range found {
		switch i := slices.IndexFunc(targets, func(t Target) bool { return path.Dir(t.Path) == b.policies }); {
		case b.Name == playwrights:
			playwright = []string{playwrightPolicies}
		case b.kind == Firefox:
			firefoxes = append(firefoxes, b)
		case i >= 0:
			if !slices.Contains(targets[i].Browsers, b.Name) {
				targets[i].Browsers = append(targets[i].Browsers, b.Name)
			}
		default:
			t := Target{Kind: Chromium, Key: []string{chromium}, Browsers: []string{b.Name}}
			if t.Path, t.Passed, err = lastOf(root, b.policies, t.Key); err != nil {
				return nil, err
			}
			targets = append(targets, t)
		}
	}
	if len(firefox) == 0 {
		return targets, nil
	}
	for _, name := range append(firefoxFiles(root, firefoxes), playwright...) {
		targets = append(targets, Target{Path: name, Kind: Firefox, Key: append([]string{"policies"}, firefox...), Browsers: []string{"Firefox"}})
	}
	return targets, nil
}

// own is the file that is made where no other has the policy. By its name it is the
// first: a list that someone sets later is not hidden by it.
const own = "00-certgraft.json"

// lastOf returns which file of a directory has the value of a policy that Chromium
// takes: the last one by name. It passes over what it cannot read.
func lastOf(root *rootfs.Overlay, dir string, key []string) (name string, passed []string, err error) {
	entries, err := root.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", nil, err
	}
	name = path.Join(dir, own)
	for _, entry := range entries {
		at := path.Join(dir, entry.Name())
		if info, err := fs.Stat(root, at); err != nil || !info.Mode().IsRegular() {
			continue
		}
		text, err := root.Content(at)
		if err != nil {
			return "", nil, err
		}
		p, err := Open(text, Chromium)
		if err != nil {
			passed = append(passed, "/"+at+": "+err.Error())
			continue
		}
		if p.root.member(key[0]) >= 0 {
			name = at
		}
	}
	return name, passed, nil
}

// firefoxFiles returns the files that the Firefoxes of a root read: the one for all,
// if it exists or no Firefox has its own, else each one's own.
func firefoxFiles(root *rootfs.Overlay, found []Browser) (names []string) {
	if len(found) == 0 {
		return nil
	}
	if _, err := root.Lstat(firefoxPolicies); err == nil {
		return []string{firefoxPolicies}
	}
	hasOwn := false
	for _, b := range found {
		name := path.Join(strings.TrimPrefix(path.Dir(b.Path), "/"), "distribution/policies.json")
		_, err := fs.Stat(root, name)
		hasOwn = hasOwn || err == nil
		names = append(names, name)
	}
	if !hasOwn {
		return []string{firefoxPolicies}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Reads reports whether a file may be one of policies.
func Reads(name string) bool {
	return strings.HasSuffix(name, "distribution/policies.json") || slices.ContainsFunc(families, func(f family) bool {
		return name == f.policies || path.Dir(name) == f.policies || path.Dir(name) == path.Dir(f.policies)
	})
}

// standIns are where programs find the module of NSS that has the public roots.
var standIns = []string{"usr/lib/*-linux-gnu*/libnssckbi.so", "usr/lib/*-linux-gnu*/nss/libnssckbi.so", "usr/lib64/libnssckbi.so", "usr/lib64/nss/libnssckbi.so", "usr/lib/libnssckbi.so", "usr/lib/nss/libnssckbi.so"}

// StandIn returns the module of NSS for the public roots in whose place p11-kit's
// stands, so that what loads it trusts what the system trusts; "" if there is none.
func StandIn(root *rootfs.Overlay) string {
	for _, name := range glob.New(root).Match(standIns...) {
		if real, err := root.Resolve(name); err == nil && path.Base(real) == "p11-kit-trust.so" {
			return "/" + name
		}
	}
	return ""
}
