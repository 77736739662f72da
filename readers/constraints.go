package readers

import "strings"

// needsKnowing reports whether critical constraints have a kind that the reader
// does not know.
func (l *limits) needsKnowing(r limitRules) bool {
	for _, s := range l.all() {
		if r.of(s.kind) == critical {
			return true
		}
	}
	return false
}

// of returns the treatment of constraints on one kind of names.
func (r limitRules) of(kind uint8) treatment {
	switch kind {
	case kindDNS, kindEmail:
		return checked
	case kindAddress:
		return r.address
	case kindDirectory:
		return r.directory
	}
	return r.others
}

// permit reports whether the reader finds the server's certificate within the
// limits.
func (r limitRules) permit(l *limits, leaf *link) bool {
	for _, s := range l.all() {
		if r.of(s.kind) == refused && (s.kind != kindAddress || len(leaf.addresses) > 0) || r.dotsRefused && strings.HasPrefix(s.text, ".") {
			return false
		}
	}
	if r.cnRefused && !leaf.alternatives {
		return false
	}
	for _, host := range r.hosts(leaf) {
		if !l.allows(kindDNS, func(s subtree) bool { return s.holdsHost(host) }) {
			return false
		}
	}
	for _, address := range leaf.addresses {
		if r.address == checked && !l.allows(kindAddress, func(s subtree) bool { return s.prefix.Contains(address) }) {
			return false
		}
	}
	return r.directory != checked || leaf.EmptySubject() || l.allows(kindDirectory, func(s subtree) bool { return s.holdsName(leaf.subject) })
}

// hosts are the names that constraints on DNS names apply to.
func (r limitRules) hosts(leaf *link) []string {
	if leaf.alternatives || r.cnIgnored {
		return leaf.names
	}
	return leaf.CommonNames()
}
