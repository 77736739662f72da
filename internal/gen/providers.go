package main

import (
	"fmt"
	"strings"

	"github.com/certgraft/certgraft/bundles"
)

// example is the example of a company's own catalogue.
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

The providers that certgraft knows by name. ` + "`certgraft list --search WORDS`" + ` searches them. ` + "`certgraft list ID`" + ` shows one: the URLs, the evidence,
and the SHA-256 fingerprint of each known certificate. A name in brackets means the same provider.

| id | provider | how | format | known | offline | confidence |
| --- | --- | --- | --- | --- | --- | --- |
`

const pageTail = `
## A catalogue of your own

` + "`--catalog FILE` or `CERTGRAFT_CATALOG`" + ` adds entries of the same form. An id or alias of another entry, an unknown field, a wrong digest, and http
without a pin are refused before anything else happens (status 3).

` + "```json\n" + example + "```" + `

- ` + "`kind`: `static`" + ` has ` + "`urls`" + ` (all of them together are the bundle) or ` + "`regions`" + ` or both; ` + "`per-account`" + ` has ` + "`commands`" + `; ` + "`public-root`" + ` and ` + "`none`" + `
  have nothing to install; ` + "`packaged`" + ` has its certificates in the binary.
- ` + "`known`" + ` lists the expected certificates, each with ` + "`name`, `sha256`, `notAfter`" + ` and, for one region, ` + "`region`" + `. certgraft names a download with other or fewer certificates, and
  refuses a download without any of them. ` + "`evidence.set`" + ` is their set digest, which certgraft compares; ` + "`evidence.partial`" + ` says that the publisher has more.
- ` + "`engines`" + ` are found by a search; ` + "`hosts`" + ` (domains) and ` + "`issuers`" + ` (words in names of CAs) let ` + "`verify`" + ` recognise a server; ` + "`strict`" + ` says which CAs strict readers refuse.
- ` + "`pin`" + ` is the set digest that the download of ` + "`urls`" + ` must have; an http URL needs it. Each load of the bundle prints ` + "`warning`" + `.
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
	b.WriteString("\n## Bundles from commands\n\nReplace the words in capitals. certgraft refuses a download with a private key.\n")
	for _, p := range providers {
		if p.Kind == bundles.PerAccount {
			fmt.Fprintf(&b, "\n**%s**: %s\n\n```sh\n%s\n```\n", p.ID, p.Evidence.Notes, strings.Join(p.Commands, "\n"))
		}
	}
	b.WriteString("\n## What strict readers refuse\n\nPython from 3.13 on, and OpenSSL with `-x509_strict`, refuse CAs that break a rule of RFC 5280.\n\n")
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
