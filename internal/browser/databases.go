// Package browser knows the browsers of a root and the databases of NSS.
//
// Start with [Databases].
package browser

import (
	"io/fs"
	"path"
	"strings"

	"github.com/certgraft/certgraft/rootfs"
)

// Database is a database of NSS, or the profile of a browser that has one: it is named
// and never read here.
type Database struct {
	Path string // of its directory
	Whom string // who reads it
}

// databases are where browsers, and programs that use NSS, keep theirs.
var databases = []struct {
	pattern, file string // the file makes a directory one
	whom          string
}{
	{"etc/pki/nssdb", "cert9.db", "programs that use NSS"},
	{"{home}/.pki/nssdb", "cert9.db", "Chromium, Chrome and Electron"},
	{"{home}/.local/share/pki/nssdb", "cert9.db", "Chromium and Chrome from 146 on"},
	{"{home}/.mozilla/firefox/*", "cert9.db", "Firefox"},
	{"{home}/.config/mozilla/firefox/*", "cert9.db", "Firefox"},
	{"{home}/snap/firefox/common/.mozilla/firefox/*", "cert9.db", "Firefox of a snap"},
	{"{home}/snap/chromium/current/.pki/nssdb", "cert9.db", "Chromium of a snap"},
	{"{home}/.var/app/org.mozilla.firefox/.mozilla/firefox/*", "cert9.db", "Firefox of a flatpak"},
	{"{home}/.thunderbird/*", "cert9.db", "Thunderbird"},
	{"ms-playwright/firefox-*", "firefox", "Playwright's Firefox"},
	{"{home}/.cache/ms-playwright/firefox-*", "firefox", "Playwright's Firefox"},
	{"ms-playwright/chromium-*", "chrome-linux", "Playwright's Chromium"},
	{"{home}/.cache/ms-playwright/chromium-*", "chrome-linux", "Playwright's Chromium"},
	{"{home}/.cache/puppeteer/chrome/*", "chrome-linux64", "Puppeteer's Chrome"},
	{"usr/lib/firefox*", "libxul.so", "Firefox"},
	{"opt/firefox", "libxul.so", "Firefox"},
	{"usr/lib/chromium*", "chromium", "Chromium"},
	{"opt/google/chrome*", "chrome", "Chrome"},
}

// Databases returns the databases of NSS and the browsers that are in a root.
func Databases(root *rootfs.Overlay) (all []Database) {
	seen := map[string]bool{}
	for _, d := range databases {
		for _, at := range distinct(root, seen, glob(root, path.Join(d.pattern, d.file))) {
			all = append(all, Database{"/" + path.Dir(at), d.whom})
		}
	}
	return all
}

// distinct returns the real names of what is there and was not seen.
func distinct(root *rootfs.Overlay, seen map[string]bool, names []string) (kept []string) {
	for _, name := range names {
		real, err := root.Resolve(name)
		if err != nil || seen[real] {
			continue
		}
		if _, err := fs.Stat(root, real); err == nil {
			seen[real] = true
			kept = append(kept, real)
		}
	}
	return kept
}

// glob returns the names that match a pattern; {home} is every home directory.
func glob(root fs.FS, pattern string) (names []string) {
	each := []string{pattern}
	if rest, ok := strings.CutPrefix(pattern, "{home}"); ok {
		each = []string{"root" + rest, "home/*" + rest}
	}
	for _, p := range each {
		if matched, err := fs.Glob(root, p); err == nil {
			names = append(names, matched...)
		}
	}
	return names
}
