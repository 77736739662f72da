package browser

import (
	"path"

	"github.com/certgraft/certgraft/internal/glob"
	"github.com/certgraft/certgraft/rootfs"
)

// Database is a database of NSS. certgraft names it and never reads it.
type Database struct {
	Path string // of its directory
	Whom string // the program that reads it
	kind Kind   // of the browser, or none
}

// none is the kind of a program that is not a browser.
const none Kind = -1

// IsFirefox reports whether it is a profile of Firefox.
func (d Database) IsFirefox() bool { return d.kind == Firefox }

// HasPolicies reports whether the program of the database obeys policies.
func (d Database) HasPolicies() bool { return d.kind != none }

// LoadsNSS reports whether the program of the database loads NSS's module of
// public roots by its name; see [StandIn].
func (d Database) LoadsNSS() bool { return d.kind == Chromium }

// databases are the places in which browsers, and programs that use NSS, keep
// databases.
var databases = []struct {
	pattern, file string // a directory with this file is a database
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

// Databases returns the databases of NSS in a root.
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
