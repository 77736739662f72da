package readers

import (
	"strconv"
	"strings"
)

// version is a reader from a release on.
type version struct {
	since string // "" is every release before the next row
	rules rules
}

// row is a reader in the table.
type row struct {
	id       string
	title    string
	versions []version
}

// table is every reader that is known, in the order in which they are named.
var table = []row{
	{"openssl", "OpenSSL", []version{{"", openSSL}}},
	{"gnutls", "GnuTLS", []version{{"", gnuTLS}}},
	{"go", "Go", []version{{"", goRules}}},
	{"python", "Python's ssl", []version{{"", pythonRules}, {"3.13", strictPython}}},
	{"requests", "Python's requests", []version{{"", openSSL.tweaked(func(r *rules) { r.names = matchHostname })}, {"2.30", urllib3Rules}}},
	{"httpx", "Python's httpx", []version{{"", urllib3Rules}, {"0.28", strictPython}}},
	{"curl", "curl", []version{{"", curlRules}}},
	{"wget", "wget", []version{{"", gnuTLSAny.tweaked(func(r *rules) { r.leaf, r.emptyUsage = r.leaf|ofUsage, false })}}},
	{"git", "git", []version{{"", gnuTLSAny.tweaked(func(r *rules) { r.find = byName })}, {"2.47", gnuTLSAny}}},
	{"node", "Node", []version{{"", nodeRules.tweaked(func(r *rules) { r.leastBits = 80 })}, {"24", nodeRules}}},
	{"node-debian", "Node of a distribution", []version{{"", nodeRules}}},
	{"deno", "Deno", []version{{"", webpki}}},
	{"bun", "Bun", []version{{"", boringSSL}}},
	{"java", "Java", []version{{"", javaRules}}},
	{"erlang", "Erlang", []version{{"", olderErlang}, {"27", erlangRules}}},
	{"erlang-https", "Erlang with the match of names of https", []version{
		{"", olderErlang.tweaked(func(r *rules) { httpsErlang(r); r.names.trailingDot = true })}, {"27", erlangRules.tweaked(httpsErlang)},
	}},
	{"ruby", "Ruby", []version{{"", rubyRules}}},
	{"php", "PHP", []version{{"", phpRules}}},
	{"libpq", "libpq", []version{{"", libpqRules}}},
	{"nss", "NSS", []version{{"", olderNSS}, {"3.110", nssRules}}},
}

// at returns the rules of a release.
func (r row) at(release string) rules {
	found := r.versions[0].rules
	for _, v := range r.versions[1:] {
		if release == "" || !older(release, v.since) {
			found = v.rules
		}
	}
	return found
}

// older reports whether a release comes before another, by the numbers between
// their dots.
func older(release, than string) bool {
	a, b := strings.Split(release, "."), strings.Split(than, ".")
	for i := range min(len(a), len(b)) {
		x, _ := strconv.Atoi(a[i])
		y, _ := strconv.Atoi(b[i])
		if x != y {
			return x < y
		}
	}
	return len(a) < len(b)
}
