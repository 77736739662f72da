package readers

import (
	encoding "encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
)

// algorithm is an AlgorithmIdentifier (RFC 5280, section 4.1.1.2).
type algorithm struct {
	oid        string // in dotted decimal
	parameters cryptobyte.String
}

const (
	oidEC  = "1.2.840.10045.2.1"
	oidPSS = "1.2.840.113549.1.1.10"
)

func readAlgorithm(contents cryptobyte.String) algorithm {
	oid := readOID(&contents)
	return algorithm{oid, contents}
}

func readOID(in *cryptobyte.String) string {
	var oid encoding.ObjectIdentifier
	if !in.ReadASN1ObjectIdentifier(&oid) {
		return ""
	}
	return oid.String()
}
