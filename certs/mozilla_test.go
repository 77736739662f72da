package certs_test

import (
	"testing"

	"github.com/certgraft/certgraft/certs"
)

func TestMozillaRoots(t *testing.T) {
	roots, constrained := certs.MozillaRoots()
	if roots.Len() < 100 || constrained > roots.Len()/10 {
		t.Errorf("%d roots, %d left out", roots.Len(), constrained)
	}
	for c := range roots.All() {
		if !c.IsCA() {
			t.Errorf("%s is no CA", c.Subject())
		}
	}
}
