package browser

import (
	"path"

	"github.com/certgraft/certgraft/internal/glob"
	"github.com/certgraft/certgraft/rootfs"
)

// Database is a database of NSS: it is named and never read here.
type Database struct {
	Path string // of its directory
	Whom string // who reads it
	kind Kind   // of that browser, or none
}

// none is the kind of what is no browser.
const none Kind = -1

// IsFirefox reports whether it is a profile of Firefox.
func (d Database) IsFirefox() bool { return d.kind == Firefox }

// HasPolicies reports whether what reads it obeys policies.
func (d Database) HasPolicies() bool { return d.kind != none }

// LoadsNSS reports whether what reads it loads NSS's module of public roots by its
// name; see [StandIn].
func (d Database) LoadsNSS() bool { return d.kind == Chromium }

// databases are where browsers, and programs that use NSS, keep theirs.
var databases = []struct {
	pattern, file string // the file makes a directory one
	whom          string
	kind          Kind
}{
	{"etc/pki/nssdb", "cert9.db", "programs that use NSS", none},
	{"{home}/.pki/nssdb", "cert9.db", "Chromium, Chrome and Electron", Chromium},
	{"{home}/.local/share/pki/nssdb", "cert9.db", "Chromium and Chrome from 146 on", Chromium},
	{"{home}/.mozilla/firefox/*", "cert9.db", "Firefox", Firefox},
	{"{home}/.config/mozilla/firefox/*", "cert9.db", "Firefox", Firefox},
	{"{home}/snap/firefox/common/.mozilla/firefox/*", "cert9.db", "Firefox of a snap", Firefox},
	{"{home}/snap/chromium/current/.pki/nssdb", "cert9.db", "Chromium of a snap", Chromium},
	{"{home}/.var/app/org.mozilla.firefox/.mozilla/firefox/*", "cert9.db", "Firefox of a flatpak", Firefox},
	{"{home}/.thunderbird/*", "cert9.db", "Thunderbird", none},
}

// Databases returns the databases of NSS that are in a root.
func Databases(root *rootfs.Overlay) (all []Database) {
	tree, seen := glob.New(root), map[string]bool{}
	for _, d := range databases {
		for _, name := range tree.Match(path.Join(d.pattern, d.file)) {
			if real, ok := tree.Enter(seen, name); ok {
				all = append(all, Database{"/" + path.Dir(real), d.whom, d.kind})
			}
		}
	}
	return all
}
