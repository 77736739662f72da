package readers

// rules are the way in which a reader judges a chain. The zero value is what most
// readers do. Each field is a difference that e2e/readers has measured.
type rules struct {
	find          search
	partial       bool // a certificate in the store ends a chain even if it is not self-signed
	leafAnchor    bool // the server's own certificate ends a chain if it is in the store
	keyIDsIgnored bool // key identifiers do not distinguish issuers of one name
	goParser      bool // certificates that crypto/x509 cannot read are ignored

	// The aspects that the reader does not check: in the server's certificate, in
	// intermediates, and in the anchor.
	leaf, middle, anchor aspect

	selfSignedRefused bool // a server's certificate that names itself as issuer is refused
	strayRefused      bool // a sent root that is unknown and outside the chain is refused
	oldIntermediates  bool // intermediates of version 1 count as CAs
	newOnly           bool // certificates of version 1 are refused, except those of the store
	constraintsNeeded bool // a root of version 3 without basic constraints is no CA
	leafNoCA          bool // the server's certificate must not be a CA's
	leafNoAnchorCA    bool // a self-signed one must be a CA's, or must not say
	anyPurpose        bool // anyExtendedKeyUsage is enough for a server
	emptyUsage        bool // key usage without any bit counts as missing
	keyIDsCritical    bool // key identifiers may be critical
	pathLengthNoCA    bool // a path length makes a certificate unreadable if it is not a CA's
	namelessMalformed bool // without a subject, alternative names must be critical
	strict            bool // X509_V_FLAG_X509_STRICT of OpenSSL

	leastBits int      // bits of security that keys must have, as OpenSSL counts them
	refused   []string // digests and schemes of signatures that the reader refuses; every reader refuses MD5

	names       nameRules
	constraints limitRules
}

// aspect is a part of a certificate that a reader may leave unchecked.
type aspect uint

const (
	ofDates    aspect = 1 << iota
	ofCA              // basic constraints
	ofSigning         // keyCertSign
	ofLength          // path length
	ofPurpose         // extended key usage
	ofUsage           // key usage of the server's certificate
	ofCritical        // unknown critical extensions
	ofLimits          // name constraints
)

// search is how a reader finds the path from the server to its stores.
type search int

const (
	byName search = iota // one path by names, key identifiers and dates, with the stores first: OpenSSL
	byAll                // any path that passes
	bySent               // one path, with sent certificates first, and another if its root has expired: Erlang
)

// nameRules are the way in which a reader compares a host with a certificate.
type nameRules struct {
	commonName   commonNames
	addressByCN  bool // the common name can match an address
	addressByDNS bool // a DNS name can match an address
	noStars      bool // a star is an ordinary character
	starInCN     bool // a star still matches in a common name
	starInLabel  bool // a star can match a part of a label
	starAtTop    bool // a star can match directly below a top-level domain
	trailingDot  bool // a dot at the end of a name is ignored
	noUnderscore bool // hosts with an underscore are refused
}

// commonNames says when a reader uses the common name.
type commonNames int

const (
	withoutDNS          commonNames = iota // if no DNS name exists
	withoutHosts                           // if neither a DNS name nor an address exists
	withoutAlternatives                    // if no alternative names exist at all
	never
)

// limitRules are the way in which a reader judges name constraints.
type limitRules struct {
	directory   treatment
	address     treatment
	others      treatment // the kinds that are not used in practice
	cnIgnored   bool      // constraints do not apply to a common name
	cnRefused   bool      // a constraint refuses certificates without alternative names
	dotsRefused bool      // a constraint with a leading dot contains no host
}

// treatment is what a reader does with constraints on one kind of names.
type treatment int

const (
	checked  treatment = iota
	ignored            // the constraints have no effect
	critical           // critical constraints are an unknown critical extension
	refused            // every certificate is refused
)

// tweaked returns a changed copy of the rules.
func (r *rules) tweaked(change func(*rules)) *rules {
	changed := *r
	change(&changed)
	return &changed
}
