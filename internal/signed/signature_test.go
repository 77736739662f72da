package signed

import (
	"crypto/rsa"
	"errors"
	"math/big"
	"testing"
)

// A key of a million bits is not used, because one signature would take minutes.
func TestHugeKeyIsNotTried(t *testing.T) {
	l := &Link{Algorithm: Algorithm{OID: "1.2.840.113549.1.1.11"}, TBS: []byte("x"), Signature: make([]byte, 1<<17)}
	parent := &Link{Key: Key{Public: &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 1<<20-1, 1), E: 1<<31 - 1}}}
	if err := l.CheckSignature(parent); !errors.Is(err, ErrUnchecked) {
		t.Errorf("%v, want %v", err, ErrUnchecked)
	}
}
