package certs

import (
	"cmp"
	"strings"
)

// FileName returns the name of the anchor file for c from source, such as
// certgraft-aws-rds-amazon-rds-eu-west-1-root-ca-rsa2048-g1-4d11b8e1.crt. It
// has only lower-case ASCII letters, digits, dots and dashes. The first digits
// of the fingerprint distinguish certificates with the same subject. The name
// is short enough for any file system.
func FileName(source string, c *Certificate, digits int) string {
	const longestSlug, longestSource = 40, 100
	who := cmp.Or(c.subject.first("CN"), c.subject.first("O"))
	slug := cut(strings.Trim(dashed(who, ""), "-"), longestSlug)
	origin := cut(strings.Trim(dashed(source, "."), "-."), longestSource)
	return strings.Join([]string{"certgraft", cmp.Or(origin, "source"), cmp.Or(slug, "ca"), c.Fingerprint().String()[:digits]}, "-") + ".crt"
}

// cut shortens the ASCII text s to at most longest characters.
func cut(s string, longest int) string { return strings.TrimRight(s[:min(len(s), longest)], "-.") }

// dashed lowers ASCII letters. It replaces each run of characters that are not
// letters, digits or in also by one dash.
func dashed(s, also string) string {
	var out strings.Builder
	dash := false
	for _, r := range strings.ToLower(s) {
		if ('a' <= r && r <= 'z' || '0' <= r && r <= '9') || strings.ContainsRune(also, r) {
			if dash {
				out.WriteByte('-')
			}
			dash = false
			out.WriteRune(r)
			continue
		}
		dash = true
	}
	if dash {
		out.WriteByte('-')
	}
	return out.String()
}
