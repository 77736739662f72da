package main

import (
	"fmt"
	"strings"

	"github.com/certgraft/certgraft/bundles"
)

// example is a company's own catalogue, as the page shows it.
const example = `{
  "version": 1,
  "providers": [
    {
      "id": "acme",
      "title": "Acme, the CA of our data centres",
      "aliases": ["acme-db"],
      "homepage": "https://wiki.acme.example/ca",
      "kind": "static",
      "formats": ["pem"],
      "urls": ["https://pki.acme.example/ca.pem"],
      "regions": {"eu": ["https://pki.acme.example/eu.pem"]},
      "evidence": {"date": "2026-11-23", "confidence": "high", "checksum": "no"}
    }
  ]
}
`

const pageHead = `<!-- Made from bundles/catalog.json by go run ./internal/gen. Do not edit. -->
# Providers

What certgraft knows by name. ` + "`certgraft list --search WORDS`" + ` searches it, ` + "`certgraft list ID`" + ` says all that is known of one: the URLs, the evidence,
and the SHA-256 fingerprint of each certificate that was seen. A name in brackets means the same provider.

| id | provider | how | format | known | offline | confidence |
| --- | --- | --- | --- | --- | --- | --- |
`

const pageTail = `
## A catalogue of your own

` + "`--catalog FILE` or `CERTGRAFT_CATALOG`" + ` adds entries of the same form. The ids and aliases of others are taken; unknown fields, a wrong digest, and http
without a pin are refused before anything is done (status 3).

` + "```json\n" + example + "```" + `

- ` + "`kind`: `static`" + ` has ` + "`urls`" + ` (all of them together are the bundle) or ` + "`regions`" + ` or both; ` + "`per-account`" + ` has ` + "`commands`" + `; ` + "`public-root`" + ` and ` + "`none`" + `
  have nothing to install; ` + "`packaged`" + ` is what the program itself carries.
- ` + "`known`" + ` lists the certificates that are expected, each with ` + "`name`, `sha256`, `notAfter`" + ` and, if of one, ` + "`region`" + `: a download that has others or lacks one is
  named, and one that has none of them is refused. ` + "`evidence.set`" + ` is their set digest, which certgraft then checks; ` + "`evidence.partial`" + ` says that the publisher has more.
- ` + "`engines`" + ` are found by a search; ` + "`hosts`" + ` (domains) and ` + "`issuers`" + ` (words in names of CAs) are what ` + "`verify`" + ` tells a server by; ` + "`strict`" + ` says which CAs strict readers refuse.
- ` + "`pin`" + ` is the set digest that the download of ` + "`urls`" + ` must have, and what an http URL needs. ` + "`warning`" + ` is said whenever the bundle is loaded.
`

// providersPage makes docs/providers.md.
func providersPage(providers []*bundles.Provider) string {
	var b strings.Builder
	b.WriteString(pageHead)
	for _, p := range providers {
		name := "`" + p.ID + "`"
		if len(p.Aliases) > 0 {
			name += " (" + strings.Join(p.Aliases, ", ") + ")"
		}
		fmt.Fprintf(&b, "| %s | [%s](%s) | %s | %s | %s | %s | %s |\n", name, p.Title, p.Homepage, how(p), strings.Join(p.Formats, ", "),
			count(len(p.Known)), offlineCell(p), p.Evidence.Confidence)
	}
	b.WriteString("\n## Those that are got by commands\n\nWhat stands in capitals is yours. A private key in what comes is refused.\n")
	for _, p := range providers {
		if p.Kind == bundles.PerAccount {
			fmt.Fprintf(&b, "\n**%s**: %s\n\n```sh\n%s\n```\n", p.ID, p.Evidence.Notes, strings.Join(p.Commands, "\n"))
		}
	}
	b.WriteString("\n## What strict readers refuse\n\nPython from 3.13 on, and OpenSSL where it is told to be strict, refuse CAs that are not as RFC 5280 has them.\n\n")
	for _, p := range providers {
		if p.Strict != "" {
			fmt.Fprintf(&b, "- `%s`: %s.\n", p.ID, p.Strict)
		}
	}
	b.WriteString("\n## Warnings\n\n")
	for _, p := range providers {
		if p.Warning != "" {
			fmt.Fprintf(&b, "- `%s`: %s.\n", p.ID, p.Warning)
		}
	}
	b.WriteString(pageTail)
	return b.String()
}

func how(p *bundles.Provider) string {
	switch p.Kind {
	case bundles.Static:
		if n := len(p.Regions); n > 0 {
			return fmt.Sprintf("download; %d by region", n)
		}
		return "download"
	case bundles.Packaged:
		return "in the program alone"
	case bundles.PerAccount:
		return "commands, below"
	case bundles.PublicRoot:
		return "nothing to do: public roots"
	}
	return "nothing to install"
}

func offlineCell(p *bundles.Provider) string {
	set, complete, missing := p.Snapshot()
	if set.Len() == 0 || complete {
		return count(set.Len())
	}
	return fmt.Sprintf("%d of %d", set.Len(), set.Len()+len(missing))
}

func count(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}
