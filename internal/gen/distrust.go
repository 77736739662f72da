package main

import (
	"fmt"
	"strings"

	"github.com/certgraft/certgraft/bundles"
)

const distrustHead = `<!-- Made from bundles/distrust.json by go run ./internal/gen. Do not edit. -->
# Distrusted CAs

` + "`certgraft distrust`" + ` takes a CA out of every trust store of a root or an image, whoever put it there, and keeps it out; ` + "`--from-file LIST`" + ` does it in many images:

` + "```sh" + `
certgraft distrust @all                  # in a RUN step: every CA on the lists below
certgraft distrust corp.pem              # a file of certificates, a SHA-256 fingerprint, or spki:SHA-256 of a public key
certgraft distrust --undo                # restores every byte; with WHAT, of this CA alone
certgraft distrust --image registry.example.com/app:1 --tag registry.example.com/app:1-safe @emsign
` + "```" + `

The first command finds a CA, and changes nothing. The second, after a distrust, proves that it is gone:

` + "```sh" + `
certgraft distrust --dry-run --from-file images.txt @emsign   # an image that has it "would become" another
certgraft distrust --dry-run --image registry.example.com/app:1-safe @emsign   # "nothing to do"
` + "```" + `

` + "`--root DIR`" + ` or ` + "`--image IMAGE`" + ` in place of the list finds a CA in one. ` + "`certgraft check`" + ` reports the CAs on lists in bundles, hash links and Java's stores, and does not read certifi, gems, or the files of Conda and PHP. For a CA that is on no list, write [a list of your own](#lists-of-your-own), and add ` + "`--catalog FILE`" + `.

A line of ` + "`images.txt`" + ` names the image that is read, and where the result is written. After ` + "`app:1 app:1-safe`" + `, a second command must read what the first wrote: ` + "`app:1-safe app:1-safe`" + `. With the first list again, ` + "`patch`" + ` writes the CA back into ` + "`app:1-safe`" + `.

| [store](stores.md) | what keeps the CA out |
| --- | --- |
| ` + "`debian`" + `, ` + "`alpine`" + ` with its tool: of a package | ` + "`!mozilla/NAME.crt`" + ` in ` + "`/etc/ca-certificates.conf`" + `; bundle and links as ` + "`update-ca-certificates --fresh`" + ` writes them |
| the same: an anchor of your own | the file is moved aside |
| ` + "`p11-kit`" + ` (Fedora, RHEL), ` + "`arch`" + `, ` + "`suse`" + ` | a file in the blocklist of p11-kit; the extracted files as ` + "`trust extract`" + ` writes them. An anchor of your own is moved aside too |
| ` + "`photon`" + `, ` + "`flatcar`" + `, ` + "`clear`" + `, ` + "`openwrt`" + ` | the file is moved aside, and the bundle joined anew |
| ` + "`alpine`" + ` without its tool, ` + "`bundle`" + ` (distroless, copies), ` + "`nix`" + `, ` + "`homebrew`" + `, ` + "`python`" + ` (certifi and similar), ` + "`ruby`" + `, ` + "`conda`" + `, ` + "`composer`" + `, a vendor's Java | the CA is taken out of the file. An upgrade restores it; the report says so |
| ` + "`env`" + `, ` + "`config`" + `, ` + "`php`" + `: a file that a variable or a configuration names | the CA is taken out of the file |
| ` + "`java`" + ` | the entry is deleted |
| ` + "`browser`" + `: Chromium, Chrome, Edge, Brave | their policy ` + "`CADistrustedCertificates`" + ` has the CA. For Firefox and databases of NSS the report has the certutil line |

` + "`/usr/local/share/certgraft/distrusted.json`" + ` records the CAs and the bytes of files moved aside; ` + "`remove --all`" + ` does not touch it. ` + "`install`" + ` refuses a CA that
the root distrusts; ` + "`--override-blocklist`" + ` installs it. ` + "`--undo`" + ` keeps changes that others made meanwhile.

A fingerprint that no store has changes nothing, and the report says so; with ` + "`--must-exist`" + ` the status is 1. A CA that is distrusted already counts as existing: the report says "already distrusted", and the status is 0. With ` + "`--from-file`" + ` a last line names the fingerprints that no image has. ` + "`--must-exist`" + ` then makes the status 1 if no image has one; the other CAs are taken out all the same. A store of roots cannot block an intermediate that a server sends; take out
its root instead. ` + "`verify`" + ` fails a chain through a listed CA, and names the readers of the root that would accept it; ` + "`check`" + ` finds the CA. Programs with a table of their own refuse it themselves (Go 1.26.10 has the keys of emSign's intermediates). certgraft does not edit a macOS keychain (status 1).

## The lists

The binary has these lists of CAs that others no longer trust, checked on %s. ` + "`certgraft list @NAME`" + ` shows one.

` + "`install`, `bundle`, `run`, `patch` and `lock`" + ` leave a listed certificate out, say so on a line of its own, and exit with status 3 if nothing is left.
` + "`--distrusted keep`" + ` installs it all the same, ` + "`--distrusted fail`" + ` refuses the source. A list with a date blocks nothing: the program only says so, since what
was issued before that date is still trusted.

| list | what | since | why | certificates, keys | confidence |
| --- | --- | --- | --- | --- | --- |
`

const distrustTail = "\n" + `## Lists of your own

A file of ` + "`--catalog FILE` or `CERTGRAFT_CATALOG`" + ` may have a member ` + "`distrust`" + ` beside ` + "`providers`" + `, with lists of this form. The names of others are taken.

` + "```json" + `
{
  "version": 1,
  "providers": [],
  "distrust": [
    {
      "name": "acme-2019",
      "title": "The old CA of our data centres",
      "since": "2026-11-01",
      "why": "its key was on a stolen laptop",
      "certificates": [{"name": "Acme Root 2019", "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "notAfter": "2029-01-01"}],
      "keys": [{"name": "Acme Issuing CA 3", "sha256": "6dc47172e01cbcb0bf62580d895fe2b8ac9ad4f873801e0c10b9c837d21eb177"}]
    }
  ]
}
` + "```" + `

- ` + "`certificates`" + ` are known by the SHA-256 of the certificate, ` + "`keys`" + ` by that of their SubjectPublicKeyInfo, whatever certificate they are in. Both may have colons and capitals.
- ` + "`after`" + `, a time as ` + "`2026-01-02T15:04:05Z`" + `, distrusts only certificates issued later.
`

// distrustPage makes docs/distrust.md.
func distrustPage(date string, lists []*bundles.Distrust) string {
	var b strings.Builder
	fmt.Fprintf(&b, distrustHead, date)
	for _, l := range lists {
		fmt.Fprintf(&b, "| `@%s` | %s | %s | %s | %d, %d | %s |\n", l.Name, l.Title, l.Since, l.Why, len(l.Certificates), len(l.Keys), l.Evidence.Confidence)
	}
	b.WriteString("\n## Evidence\n")
	for _, l := range lists {
		fmt.Fprintf(&b, "\n**@%s**: %s.", l.Name, strings.Join(l.Evidence.Sources, "; "))
		if l.Evidence.Notes != "" {
			b.WriteString(" " + l.Evidence.Notes)
		}
		b.WriteString("\n")
		for _, c := range l.Certificates {
			fmt.Fprintf(&b, "- %s, `%s`\n", c.Name, c.SHA256)
		}
		for _, k := range l.Keys {
			fmt.Fprintf(&b, "- %s, `spki:%s`\n", k.Name, k.SHA256)
		}
	}
	b.WriteString(distrustTail)
	return b.String()
}
