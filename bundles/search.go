package bundles

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"github.com/certgraft/certgraft/internal/order"
)

// Search returns the providers whose entries contain each word, in any case, the
// best first. Words that fit every entry, such as "ssl", are ignored, unless the
// query has no other.
func (c *Catalogue) Search(text string) []*Provider {
	words := searchWords(text)
	type hit struct {
		provider *Provider
		score    int
	}
	var hits []hit
	for _, p := range c.providers {
		if score := p.score(words); score > 0 {
			hits = append(hits, hit{p, score})
		}
	}
	order.Stable(hits, func(a, b hit) int { return cmp.Compare(b.score, a.score) })
	var found []*Provider
	for _, h := range hits {
		found = append(found, h.provider)
	}
	return found
}

// everywhere are words that fit every entry.
var everywhere = []string{"ca", "cas", "cert", "certificate", "certificates", "certs", "https", "ssl", "tls", "bundle", "the", "for"}

// spellings maps the short names of engines.
var spellings = map[string]string{
	"pg": "postgresql", "psql": "postgresql", "mssql": "sqlserver", "mongo": "mongodb", "k8s": "kubernetes", "rabbit": "rabbitmq", "elastic": "elasticsearch", "le": "letsencrypt",
}

// searchWords returns the words of a query.
func searchWords(text string) []string {
	all := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return unicode.IsSpace(r) || r == ',' })
	telling := slices.DeleteFunc(slices.Clone(all), func(word string) bool { return slices.Contains(everywhere, word) })
	if len(telling) > 0 {
		all = telling
	}
	for i, word := range all {
		all[i] = cmp.Or(spellings[word], word)
	}
	return all
}

// score returns how well an entry fits; 0 if it lacks a word.
func (p *Provider) score(words []string) int {
	total := 1
	for _, word := range words {
		best := 0
		for _, place := range p.places() {
			for _, text := range place.texts {
				if text = strings.ToLower(text); strings.Contains(text, word) {
					best = max(best, place.weight+whole(text, word))
				}
			}
		}
		if best == 0 {
			return 0
		}
		total += best
	}
	return total
}

// place is a part of an entry, and the score of a word in it.
type place struct {
	weight int
	texts  []string
}

func (p *Provider) places() []place {
	places := []place{
		{40, append([]string{p.ID}, p.Aliases...)}, {30, []string{p.Title}}, {30, p.Engines}, {10, p.Hosts}, {10, p.Issuers},
		{5, []string{p.Evidence.Notes, p.Warning, p.Homepage}}, {5, p.Commands}, {5, p.URLs},
	}
	for _, k := range p.Known {
		places = append(places, place{10, []string{k.Name}})
	}
	return places
}

// whole returns the extra score if word is all of text, or one of its words.
func whole(text, word string) int {
	if text == word {
		return 10
	}
	if slices.Contains(strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), word) {
		return 5
	}
	return 0
}

// Resembling returns the providers that a server may belong to: by its host, else
// by words in the names of the issuers of its certificate. It is a guess.
func (c *Catalogue) Resembling(host string, issuers []string) []*Provider {
	host = "." + strings.ToLower(strings.TrimSuffix(host, "."))
	byHost := func(p *Provider) bool {
		return slices.ContainsFunc(p.Hosts, func(domain string) bool { return strings.HasSuffix(host, "."+domain) })
	}
	byIssuer := func(p *Provider) bool {
		return slices.ContainsFunc(p.Issuers, func(words string) bool {
			return slices.ContainsFunc(issuers, func(name string) bool { return strings.Contains(strings.ToLower(name), strings.ToLower(words)) })
		})
	}
	for _, looks := range []func(*Provider) bool{byHost, byIssuer} {
		var found []*Provider
		for _, p := range c.providers {
			if looks(p) {
				found = append(found, p)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}
