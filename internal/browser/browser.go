// Package browser knows the browsers of a root, the files in which an
// administrator sets their policies, and the databases of NSS.
//
// Start with [Find], which names the browsers, and [Policies], which names the
// file that must hold a list so that the browsers obey it. [Open] reads such a
// file and edits its lists; it keeps every other byte. [Databases] names the
// databases of NSS. [StandIn] names the module that makes them unnecessary.
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
	Path string // of its program or its directory of policies
	family
}

// family is the browsers that read policies from the same place.
type family struct {
	name     string
	kind     Kind
	policies string   // for Chromium's kind a directory; for Firefox's kind the file for all Firefoxes
	programs []string // {home} is every home directory
}

// firefoxPolicies is the file that every Firefox reads. If it exists, Firefox
// reads no other.
const firefoxPolicies = "etc/firefox/policies/policies.json"

// playwrights is Firefox as Playwright builds it. It reads only the file that a
// variable names.
const (
	playwrights        = "Playwright's Firefox"
	playwrightPolicies = "etc/playwright/policies.json"
)

// families is every family. Chrome's headless shell is missing, because it reads
// no policies.
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

// Variable returns the variable that must name the file of policies, and its
// value. It returns "" for a browser that finds the file itself.
func (b Browser) Variable() (name, value string) {
	if b.Name == playwrights {
		return "PLAYWRIGHT_FIREFOX_POLICIES_JSON", "/" + playwrightPolicies // from Playwright 1.53 on
	}
	return "", ""
}

// LoadsNSS reports whether the browser loads NSS's module of public roots by its
// name; see [StandIn].
func (b Browser) LoadsNSS() bool { return b.kind == Chromium }

// Find returns the browsers of a root that read policies. It returns each program;
// for a family without a program it returns the directory of policies.
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

// Target is a file of policies that must hold a list.
type Target struct {
	Path     string // without the first slash; the file may be missing
	Kind     Kind
	Key      []string // of the list
	Browsers []string // names of the browsers that read it
	Passed   []string // files beside it that are not JSON, which the browsers skip
}

// Policies returns the files that must hold a list so that the found browsers obey
// it. The list is named chromium for Chromium, and firefox below "policies" for
// Firefox. Browsers of a kind without a list are left out.
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

// own is the file to create if no file has the policy. Its name sorts first, so it
// hides no list that somebody sets later.
const own = "00-certgraft.json"

// lastOf returns the file of a directory whose value of a policy Chromium takes:
// the last one by name. It skips files that it cannot read.
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

// firefoxFiles returns the files that the Firefoxes of a root read. This is the
// file for all if it exists, or if no Firefox has a file of its own. Otherwise it
// is the file of each.
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

// Reads reports whether a file may hold policies.
func Reads(name string) bool {
	return strings.HasSuffix(name, "distribution/policies.json") || slices.ContainsFunc(families, func(f family) bool {
		return name == f.policies || path.Dir(name) == f.policies || path.Dir(name) == path.Dir(f.policies)
	})
}

// standIns are the places in which programs find NSS's module of public roots.
var standIns = []string{"usr/lib/*-linux-gnu*/libnssckbi.so", "usr/lib/*-linux-gnu*/nss/libnssckbi.so", "usr/lib64/libnssckbi.so", "usr/lib64/nss/libnssckbi.so", "usr/lib/libnssckbi.so", "usr/lib/nss/libnssckbi.so"}

// StandIn returns the module of NSS for the public roots that p11-kit's module has
// replaced. Programs that load it trust the system's CAs. It returns "" if no such
// module exists.
func StandIn(root *rootfs.Overlay) string {
	for _, name := range glob.New(root).Match(standIns...) {
		if real, err := root.Resolve(name); err == nil && path.Base(real) == "p11-kit-trust.so" {
			return "/" + name
		}
	}
	return ""
}
