package readers

import (
	"strconv"
	"strings"
)

// version is a reader from a release on.
type version struct {
	since string // "" for every release before the next row
	rules *rules
}

// row is a reader in the table.
type row struct {
	id       string
	title    string
	find     func(*finder) []found // nil for a reader that leaves no file
	places   func(where) []place   // the places that it reads, in order
	versions []version             // none if no run has measured the rules
}

// table is every reader, in the order of the output. testdata/stores.tsv has the
// measured files of each reader.
var table = []row{
	{"openssl", "OpenSSL", libraries("libssl.so.3", "libssl.so.1.1", "libssl.so.4", "libssl.so.1.0.0", "libssl.so.10", "libssl.so.48"), fixed(openSSLPlaces...), []version{{"", openSSL}}},
	{"gnutls", "GnuTLS", libraries("libgnutls.so.30"), fixed(gnuTLSPlaces...), []version{{"", gnuTLS}}},
	{"go", "Go", programs("go"), fixed(goPlaces...), []version{{"", goRules}}},
	{"python", "Python's ssl", pythons, fixed(openSSLPlaces...), []version{{"", pythonRules}, {"3.13", strictPython}}},
	{"requests", "Python's requests", modules("requests"), requestsPlaces, []version{
		{"", openSSL.tweaked(func(r *rules) { r.names = matchHostname })}, {"2.30", urllib3Rules},
	}},
	{"httpx", "Python's httpx", modules("httpx"), httpxPlaces, []version{{"", urllib3Rules}, {"0.28", strictPython}}},
	{"curl", "curl", programs("curl"), fixed(curlPlaces...), []version{{"", curlRules}}},
	{"wget", "wget", programs("wget"), fixed(wgetPlaces...), []version{{"", gnuTLSAny.tweaked(func(r *rules) { r.leaf, r.emptyUsage = r.leaf|ofUsage, false })}}},
	{"git", "git", programs("git"), fixed(gitPlaces...), []version{{"", gnuTLSAny.tweaked(func(r *rules) { r.find = byName })}, {"2.47", gnuTLSAny}}},
	{"node", "Node", nodes(true), nodePlaces, []version{{"", nodeRules.tweaked(levelOne)}, {"24", nodeRules}}},
	{"node-debian", "Node of a distribution", nodes(false), fixed(append([]place{nodeExtra}, openSSLPlaces...)...), []version{{"", nodeRules}}},
	{"deno", "Deno", programs("deno"), denoPlaces, []version{{"", webpki}}},
	{"rustls", "rustls with the system's roots", nil, fixed(rustlsPlaces...), []version{{"", webpkiWithRing}}},
	{"bun", "Bun", programs("bun"), fixed(bunPlaces...), []version{{"", boringSSL}}},
	{"java", "Java", javas, javaPlaces, []version{{"", javaRules}}},
	{"erlang", "Erlang", erlangs, fixed(erlangPlaces...), []version{{"", olderErlang}, {"27", erlangRules}}},
	{"erlang-https", "Erlang with the match of names of https", nil, fixed(erlangPlaces...), []version{
		{"", olderErlang.tweaked(func(r *rules) { httpsErlang(r); r.names.trailingDot = true })}, {"27", erlangRules.tweaked(httpsErlang)},
	}},
	{"ruby", "Ruby", programs("ruby"), fixed(openSSLPlaces...), []version{{"", rubyRules}}},
	{"php", "PHP", programs("php"), fixed(openSSLPlaces...), []version{{"", phpRules}}},
	{"libpq", "libpq", libraries("libpq.so.5"), libpqPlaces, []version{{"", libpqRules}}},
	{"pgjdbc", "pgjdbc", nil, fixed(pgjdbcPlaces...), []version{{"", pgjdbcRules}}},
	{"nss", "NSS", libraries("libnss3.so"), fixed(), []version{{"", olderNSS}, {"3.110", nssRules}}},
}

// programNames are names of programs and products, and the ids of the readers that
// judge for them.
var programNames = map[string]string{
	"libssl": "openssl", "gnutls-cli": "gnutls", "golang": "go", "python3": "python", "libcurl": "curl", "nodejs": "node",
	"jdk": "java", "jre": "java", "jvm": "java", "openjdk": "java", "otp": "erlang", "elixir": "erlang",
	"psql": "libpq", "pg_dump": "libpq", "pg_restore": "libpq", "pgbench": "libpq", "psycopg": "libpq", "psycopg2": "libpq", "jdbc": "pgjdbc",
}

// at returns the rules of a release.
func (r *row) at(release string) *rules {
	if len(r.versions) == 0 {
		return &rules{}
	}
	found := r.versions[0].rules
	for _, v := range r.versions[1:] {
		if release == "" || !older(release, v.since) {
			found = v.rules
		}
	}
	return found
}

// older reports whether a release comes before another. It compares the numbers
// between the dots.
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
