package installer_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
)

// Install edits files of a language's packages only if --stores names their store.
func TestBundledStores(t *testing.T) {
	old, ca := roottest.NewCA(t, "Old"), roottest.NewCA(t, "New")
	for _, test := range []struct{ store, file, more string }{
		{"python", "usr/local/lib/python3.13/site-packages/certifi/cacert.pem", ""},
		{"python", "opt/venv/lib/python3.11/site-packages/pip/_vendor/certifi/cacert.pem", ""},
		{"python", "usr/lib/python3/dist-packages/botocore/cacert.pem", ""},
		{"python", "app/.venv/lib64/python3.12/site-packages/grpc/_cython/_credentials/roots.pem", ""},
		{"ruby", "usr/local/bundle/gems/aws-sdk-core-3.1/ca-bundle.crt", ""},
		{"conda", "opt/miniconda3/ssl/cacert.pem", ""},
		{"conda", "opt/conda/envs/py312/ssl/cacert.pem", ""},
		{"composer", "var/www/html/vendor/composer/ca-bundle/res/cacert.pem", ""},
		{"php", "etc/own.pem", "-- etc/php/8.4/cli/php.ini --\n; openssl.cafile=/nowhere\nopenssl.cafile = \"/etc/own.pem\"\n"},
	} {
		before := tree(t, "-- etc/ssl/cert.pem --\nCA1\n-- "+test.file+" --\n# theirs\nCA1\n"+test.more, old)
		after, _ := roundTrip(t, before, installer.Options{}, source(t, "s", ca.PEM()))
		edited := strings.Contains(string(after[test.file].Data), ca.PEM())
		if edited != (test.store == "php") {
			t.Errorf("%s: edited %v by default", test.file, edited)
		}
		after, report := roundTrip(t, before, installer.Options{Stores: []string{"auto", test.store}}, source(t, "s", ca.PEM()))
		if got, want := string(after[test.file].Data), "# theirs\n"+old.PEM()+ca.PEM(); got != want {
			t.Errorf("%s is %q", test.file, got)
		}
		if !slices.ContainsFunc(report.Stores, func(s installer.StoreReport) bool {
			return s.Name == test.store && s.Path == "/"+test.file && s.Added == 1
		}) {
			t.Errorf("%s: %+v", test.file, report.Stores)
		}
		if !installer.Reads(test.file) && test.store != "php" { // php.ini names PHP's file
			t.Errorf("%s is not kept of an image", test.file)
		}
	}
}

// Debian's certifi is a link to the system's bundle: there is nothing to edit.
func TestBundledLink(t *testing.T) {
	root := tree(t, "-- etc/ssl/certs/ca-certificates.crt --\n-- usr/lib/python3/dist-packages/certifi/cacert.pem -> /etc/ssl/certs/ca-certificates.crt --\n")
	_, err := tryInstall(root, installer.Options{Stores: []string{"python"}}, corp(t))
	if err == nil || !strings.Contains(err.Error(), `no store "python"`) {
		t.Error(err)
	}
}
