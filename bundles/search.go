package bundles

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"github.com/certgraft/certgraft/internal/order"
)

// Search returns the providers in whose entry each of the words stands, anywhere
// and in any spelling of case, the best first. Words that fit every entry, such as
// "ssl", count only where there is no other.
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

// everywhere are words that say nothing of an entry: each is about them.
var everywhere = []string{"ca", "cas", "cert", "certificate", "certificates", "certs", "https", "ssl", "tls", "bundle", "the", "for"}

// spellings are words that people use for an engine.
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

// score says how well an entry fits: 0 if a word is nowhere in it.
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

// place is a part of an entry, and how much it says that a word stands there.
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

// whole is what it adds that a word is all of a text, or a word of it.
func whole(text, word string) int {
	if text == word {
		return 10
	}
	if slices.Contains(strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), word) {
		return 5
	}
	return 0
}

// Resembling returns the providers that a server looks to be one of: by its host,
// else by words in the names of who issued its certificate. It proves nothing.
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
