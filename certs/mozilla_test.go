package certs_test

import (
	"os"
	"regexp"
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

// The date equals that of the module with the roots.
func TestMozillaDate(t *testing.T) {
	data, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`x509roots/fallback v0\.0\.0-(\d{4})(\d\d)(\d\d)`).FindSubmatch(data)
	if version == nil || string(version[1])+"-"+string(version[2])+"-"+string(version[3]) != certs.MozillaDate {
		t.Errorf("go.mod has %q, and MozillaDate is %s", version, certs.MozillaDate)
	}
}
