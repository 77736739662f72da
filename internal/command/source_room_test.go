package command

import (
	"encoding/binary"
	"math"
	"runtime/debug"
	"testing"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/roottest"
)

// copies returns a bundle of n certificates that differ in their last bytes.
func copies(t *testing.T, n int) *bundles.Bundle {
	t.Helper()
	der := roottest.NewCA(t, "Many").DER
	set := &certs.Set{}
	for i := range n {
		binary.BigEndian.PutUint32(der[len(der)-4:], uint32(i)) // in the signature, which is not verified
		c, err := certs.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		set.Add(c, "many")
	}
	return &bundles.Bundle{Certs: set}
}

func TestRoomForManyCertificates(t *testing.T) {
	was := debug.SetMemoryLimit(1 << 30)
	t.Cleanup(func() { debug.SetMemoryLimit(was) })
	makeRoom([]*bundles.Bundle{copies(t, 1000)})
	if got := debug.SetMemoryLimit(-1); got != 1<<30 {
		t.Errorf("1,000 certificates change the limit to %d", got)
	}
	makeRoom([]*bundles.Bundle{copies(t, 1000), copies(t, 1000)})
	if got := debug.SetMemoryLimit(-1); got < 1<<30+2000*7<<10 || got > 1<<30+2000*20<<10 {
		t.Errorf("2,000 certificates change the limit to %d", got)
	}
	debug.SetMemoryLimit(math.MaxInt64)
	makeRoom([]*bundles.Bundle{copies(t, 2000)})
	if got := debug.SetMemoryLimit(-1); got != math.MaxInt64 {
		t.Errorf("where there was none, the limit is %d", got)
	}
}
