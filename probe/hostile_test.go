package probe

import (
	"crypto/rsa"
	"errors"
	"math/big"
	"testing"
)

// A key of a million bits is not tried: one signature would take minutes.
func TestHugeKeyIsNotTried(t *testing.T) {
	l := &link{algorithm: algorithm{oid: "1.2.840.113549.1.1.11"}, tbs: []byte("x"), signature: make([]byte, 1<<17)}
	parent := &link{key: publicKey{key: &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 1<<20-1, 1), E: 1<<31 - 1}}}
	if err := l.signedBy(parent); !errors.Is(err, errUnchecked) {
		t.Errorf("%v, want %v", err, errUnchecked)
	}
}
