package blocklist

import (
	"strings"
	"testing"

	"github.com/certgraft/certgraft/internal/roottest"
)

// FuzzPersisted reads files in p11-kit's own format. What is blocked is named by
// the file that says so, and a file that says nothing of the kind blocks nothing.
func FuzzPersisted(f *testing.F) {
	ca := roottest.NewCA(f, "A")
	f.Add("[p11-kit-object-v1]\nclass: certificate\nx-distrusted: true\nissuer: \"%30%00\"\nserial-number: \"%02%01%01\"\n" + ca.PEM())
	f.Add("[p11-kit-object-v1]\nclass: x-certificate-extension\nobject-id: 2.5.29.37\nvalue: \"0%16%06%03U%1d%25\"\n[p11-kit-object-v1]\nx-distrusted: true\n")
	f.Fuzz(func(t *testing.T, text string) {
		d := List{}
		d.addObjects(text, "file", true)
		if len(d) > 0 && !strings.Contains(text, "x-distrusted") {
			t.Errorf("%d are blocked by %q", len(d), text)
		}
	})
}
