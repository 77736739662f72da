package readers

// rules are how a reader judges a chain. The zero value is what most of them do;
// each field is a difference that e2e/readers has measured.
type rules struct {
	find          search
	partial       bool // a certificate in the store ends a chain, though it is not signed by itself
	leafAnchor    bool // so does the server's own, where it is in the store
	keyIDsIgnored bool // the identifiers of keys do not tell issuers of one name apart
	goParser      bool // certificates that crypto/x509 cannot read do not exist

	// What is not looked at, in the server's certificate, in intermediates and in
	// the certificate of the store that ends the chain.
	leaf, middle, anchor aspect

	selfSignedRefused bool // a server's certificate that names itself as its issuer is refused
	strayRefused      bool // a root is refused that is sent, unknown and no part of the chain
	oldIntermediates  bool // of version 1 are CAs
	newOnly           bool // certificates of version 1 are refused, but for those of the store
	constraintsNeeded bool // a root of version 3 without basic constraints is no CA
	leafNoCA          bool // the server's certificate must not be a CA's
	leafNoAnchorCA    bool // one that is signed by itself must be a CA's or say nothing of it
	anyPurpose        bool // anyExtendedKeyUsage is enough for a server
	emptyUsage        bool // key usage without a bit is as none
	keyIDsCritical    bool // the identifiers of keys may be critical
	pathLengthNoCA    bool // a path length makes a certificate that is no CA's unreadable
	namelessMalformed bool // without a subject, alternative names must be critical
	strict            bool // X509_V_FLAG_X509_STRICT of OpenSSL

	leastBits int      // of security that keys must have, as OpenSSL counts it
	refused   []string // digests and schemes of signatures that it does not take; MD5 nobody takes

	names       nameRules
	constraints limitRules
}

// aspect is a part of a certificate that a reader may not look at.
type aspect uint

const (
	ofDates    aspect = 1 << iota
	ofCA              // basic constraints
	ofSigning         // keyCertSign
	ofLength          // of the path
	ofPurpose         // extended key usage
	ofUsage           // key usage of the server
	ofCritical        // unknown critical extensions
	ofLimits          // name constraints
)

// search is how a reader finds the path from the server to its stores.
type search int

const (
	byName search = iota // one path by names, key identifiers and dates, the stores first: OpenSSL
	byAll                // any path that passes
	bySent               // one path, what was sent first, another where its root has expired: Erlang
)

// nameRules are how a reader compares a host with a certificate.
type nameRules struct {
	commonName   commonNames
	addressByCN  bool // an address may be the common name
	addressByDNS bool // an address may be a DNS name
	noStars      bool // a star is a letter like others
	starInCN     bool // but in a common name it is a star
	starInLabel  bool // a star may stand for a part of a label
	starAtTop    bool // a star may stand directly below a top-level domain
	trailingDot  bool // a dot behind the name is passed over
	noUnderscore bool // hosts must not have one
}

// commonNames says when the common name counts.
type commonNames int

const (
	withoutDNS          commonNames = iota // where there is no DNS name
	withoutHosts                           // where there is neither a DNS name nor an address
	withoutAlternatives                    // where there are no alternative names at all
	never
)

// limitRules are how a reader judges name constraints.
type limitRules struct {
	directory   treatment
	address     treatment
	others      treatment // kinds that nobody uses
	cnIgnored   bool      // a common name is no host to which they apply
	cnRefused   bool      // a certificate without alternative names is refused below a constraint
	dotsRefused bool      // a constraint with a dot in front contains nothing
}

// treatment says what a reader does with constraints on one kind of names.
type treatment int

const (
	checked  treatment = iota
	ignored            // they are passed over
	critical           // they are an unknown critical extension, where they are critical
	refused            // no certificate passes
)

// tweaked returns the rules with a change.
func (r *rules) tweaked(change func(*rules)) *rules {
	changed := *r
	change(&changed)
	return &changed
}
