package readers

// The rules of each family, as e2e/readers has measured them. The changes of a
// release are beside the reader in [table].

// openSSL are the rules of libssl at security level 2. Debian, Ubuntu and Fedora
// set this level, and it is the default of OpenSSL from 3.2 on.
var openSSL = &rules{leastBits: 112, refused: []string{"SHA1"}, names: nameRules{starInLabel: true}}

// levelOne changes the rules to level 1, the default of OpenSSL 3.0 and 3.1.
func levelOne(r *rules) { r.leastBits = 80 }

// curlRules have a match of names of their own.
var curlRules = openSSL.tweaked(func(r *rules) {
	r.partial, r.leafAnchor = true, true
	r.names = nameRules{commonName: withoutHosts, addressByCN: true, trailingDot: true}
})

// pythonRules are the rules of ssl.create_default_context.
var pythonRules = openSSL.tweaked(func(r *rules) { r.names.starInLabel = false })

// strictPython are the rules of ssl.create_default_context from Python 3.13 on.
var strictPython = pythonRules.tweaked(func(r *rules) {
	r.partial, r.leafAnchor, r.strict = true, true, true
})

// matchHostname are the rules of programs that compare names as Python's
// ssl.match_hostname did.
var matchHostname = nameRules{commonName: withoutHosts, addressByCN: true, starInLabel: true, starAtTop: true}

// urllib3Rules are the rules of urllib3 2, which ignores the common name.
var urllib3Rules = pythonRules.tweaked(func(r *rules) { r.names.commonName = never })

// nodeRules are the rules of tls.checkServerIdentity.
var nodeRules = openSSL.tweaked(func(r *rules) { r.names = nameRules{starInLabel: true, trailingDot: true} })

var rubyRules = openSSL.tweaked(func(r *rules) {
	r.names = nameRules{commonName: withoutHosts, addressByCN: true, addressByDNS: true, starInLabel: true, starAtTop: true, trailingDot: true}
})

var phpRules = openSSL.tweaked(func(r *rules) {
	r.names = nameRules{addressByCN: true, addressByDNS: true, starInLabel: true, starAtTop: true, trailingDot: true}
})

var libpqRules = openSSL.tweaked(func(r *rules) {
	r.names = nameRules{addressByCN: true, addressByDNS: true, starAtTop: true}
})

// boringSSL are the rules of Bun.
var boringSSL = &rules{
	pathLengthNoCA: true,
	names:          nameRules{starInLabel: true, trailingDot: true},
	constraints:    limitRules{address: refused, cnRefused: true},
}

var gnuTLS = &rules{
	find: byAll, partial: true, leafAnchor: true, anchor: ofPurpose, anyPurpose: true, emptyUsage: true, keyIDsCritical: true,
	refused:     []string{"SHA1"},
	names:       nameRules{commonName: withoutHosts},
	constraints: limitRules{directory: ignored, others: refused},
}

// gnuTLSAny are the rules of programs that do not tell GnuTLS that the certificate
// is for a server.
var gnuTLSAny = gnuTLS.tweaked(func(r *rules) { r.leaf, r.middle, r.anyPurpose = ofPurpose, ofPurpose, false })

var goRules = &rules{
	find: byAll, partial: true, leafAnchor: true, goParser: true, keyIDsIgnored: true, leaf: ofUsage, anyPurpose: true, constraintsNeeded: true,
	refused:     []string{"SHA1", "SHA224"},
	names:       nameRules{commonName: never, starAtTop: true},
	constraints: limitRules{directory: critical, others: critical},
}

// webpki are the rules of rustls.
var webpki = &rules{
	find: byAll, partial: true, keyIDsIgnored: true, leaf: ofUsage, middle: ofSigning, anchor: ofDates | ofCA | ofSigning | ofLength | ofPurpose | ofCritical,
	newOnly: true, leafNoCA: true, leastBits: 112,
	refused:     []string{"SHA1", "SHA224"},
	names:       nameRules{commonName: never},
	constraints: limitRules{directory: refused},
}

// webpkiWithRing are the rules with the signatures that ring knows, in the version
// of rustls that parses the whole anchor.
var webpkiWithRing = webpki.tweaked(func(r *rules) {
	r.anchor &^= ofCritical
	r.refused = []string{"SHA1", "SHA224", "ECDSA-SHA512"}
})

var javaRules = &rules{
	find: byAll, partial: true, leafAnchor: true, middle: ofPurpose, anchor: ofDates | ofLength | ofPurpose | ofCritical | ofLimits,
	constraintsNeeded: true, anyPurpose: true, namelessMalformed: true,
	refused: []string{"SHA224"},
	names:   nameRules{starInLabel: true, starAtTop: true, noUnderscore: true},
}

// pgjdbcRules are the rules of sslmode=verify-full: those of Java, with the names
// of libpq.
var pgjdbcRules = javaRules.tweaked(func(r *rules) { r.names = libpqRules.names })

// erlangRules are the rules of ssl with verify_peer and no other option.
var erlangRules = &rules{
	find: bySent, anchor: ofCA | ofSigning | ofLength | ofPurpose | ofCritical | ofLimits,
	selfSignedRefused: true, strayRefused: true, oldIntermediates: true,
	refused:     []string{"SHA224", "RSAPSS"},
	names:       nameRules{commonName: never, noStars: true},
	constraints: limitRules{address: refused},
}

var olderErlang = erlangRules.tweaked(func(r *rules) {
	r.strayRefused, r.leaf = false, ofUsage
	r.names.commonName, r.names.starInCN = withoutAlternatives, true
	r.constraints.cnIgnored, r.constraints.dotsRefused = true, true
})

// httpsErlang changes the match of names to the match for https, which
// customize_hostname_check selects.
func httpsErlang(r *rules) {
	r.names.noStars, r.names.starInCN = false, false
	r.names.starInLabel, r.names.starAtTop = true, true
}

// nssRules are the rules of NSS with CAs in a database (certutil -t C).
var nssRules = &rules{
	find: byAll, partial: true, middle: ofPurpose, anchor: ofPurpose | ofCritical,
	leafNoCA: true, leafNoAnchorCA: true, refused: []string{"Ed25519"},
	names: nameRules{addressByCN: true, starInLabel: true},
}

var olderNSS = nssRules.tweaked(func(r *rules) {
	r.keyIDsCritical = true
	r.anchor |= ofSigning
})
