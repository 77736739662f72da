package installer_test

import (
	"strings"
	"testing"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
)

// Distributions whose anchors are the files beside the hash links.
func TestDirectoryStores(t *testing.T) {
	old, ca := roottest.NewCA(t, "Old"), roottest.NewCA(t, "New")
	oldLink := "-- etc/ssl/certs/" + hash(t, old) + ".0 -> old.pem --\n"
	const anchor = "certgraft-s-new-"
	for _, test := range []struct {
		name, archive, bundle string
		want                  string // of the bundle
		anchors               string // directory
		link                  bool
	}{
		{"Photon", "-- etc/os-release --\nID=photon\n-- etc/ssl/certs/old.pem --\nCA1\n" + oldLink + "-- etc/pki/tls/certs/ca-bundle.crt --\nCA1\n",
			"etc/pki/tls/certs/ca-bundle.crt", "NEW OLD", "etc/ssl/certs", true}, // certgraft-… comes before old.pem
		{"Photon, edited by hand", "-- etc/os-release --\nID=photon\n-- etc/ssl/certs/old.pem --\nCA1\n" + oldLink + "-- etc/pki/tls/certs/ca-bundle.crt --\n# mine\nCA1\n",
			"etc/pki/tls/certs/ca-bundle.crt", "# mine\nOLD NEW", "etc/ssl/certs", true},
		{"Photon without a bundle", "-- etc/os-release --\nID=photon\n-- etc/ssl/certs/old.pem --\nCA1\n" + oldLink,
			"etc/pki/tls/certs/ca-bundle.crt", "NEW OLD", "etc/ssl/certs", true},
		{"Flatcar", "-- etc/os-release --\nID=flatcar\n-- etc/ssl/certs/old.pem --\nCA1\n" + oldLink + "-- etc/ssl/certs/ca-certificates.crt --\nCA1\n",
			"etc/ssl/certs/ca-certificates.crt", byHash(t, old, ca), "etc/ssl/certs", true},
		{"Photon, an anchor without a line feed", "-- etc/os-release --\nID=photon\n-- etc/ssl/certs/a.pem\\ --\nCA1\n" + strings.ReplaceAll(oldLink, "old", "a") + "-- etc/pki/tls/certs/ca-bundle.crt\\ --\nCA1\n",
			"etc/pki/tls/certs/ca-bundle.crt", "OLD NEW", "etc/ssl/certs", true},
		{"Flatcar, the same", "-- etc/os-release --\nID=flatcar\n-- etc/ssl/certs/a.pem\\ --\nCA1\n-- etc/ssl/certs/00000000.0 -> a.pem --\n-- etc/ssl/certs/ca-certificates.crt\\ --\nCA1\n",
			"etc/ssl/certs/ca-certificates.crt", "OLD NEW", "etc/ssl/certs", true},
		{"Clear Linux", "-- etc/os-release --\nID=clear-linux-os\n-- var/cache/ca-certs/anchors/old.pem --\nCA1\n-- var/cache/ca-certs/compat/ca-roots.pem --\nCA1\n",
			"var/cache/ca-certs/compat/ca-roots.pem", "OLD NEW", "etc/ca-certs/trusted", true},
		{"OpenWrt with a bundle", "-- etc/os-release --\nID=openwrt\n-- etc/ssl/certs/ca-certificates.crt --\nCA1\n",
			"etc/ssl/certs/ca-certificates.crt", "OLD NEW", "", false},
		{"OpenWrt with links", "-- etc/os-release --\nID=openwrt\n-- etc/ssl/certs/ca-certificates.crt --\nCA1\n" + strings.ReplaceAll(oldLink, ".pem", ".crt") + "-- etc/ssl/certs/old.crt --\nCA1\n",
			"etc/ssl/certs/ca-certificates.crt", "OLD NEW", "etc/ssl/certs", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			after, report := roundTrip(t, tree(t, test.archive, old), installer.Options{}, source(t, "s", ca.PEM()))
			want := strings.ReplaceAll(strings.NewReplacer("OLD", old.PEM(), "NEW", ca.PEM()).Replace(test.want), "-----\n -----", "-----\n-----")
			if got := string(after[test.bundle].Data); got != want {
				t.Errorf("%s is\n%s\nwant\n%s", test.bundle, got, want)
			}
			var anchors, links []string
			for name, f := range after {
				switch {
				case strings.Contains(name, anchor) && string(f.Data) == ca.PEM():
					anchors = append(anchors, name)
				case strings.HasSuffix(name, "/"+hash(t, ca)+".0") && strings.HasPrefix(string(f.Data), anchor):
					links = append(links, name)
				}
			}
			if test.anchors != "" && !strings.Contains(strings.Join(anchors, " "), test.anchors+"/"+anchor) || test.anchors == "" && len(anchors) > 0 {
				t.Errorf("anchors %q", anchors)
			}
			if test.link != (len(links) == 1) {
				t.Errorf("links %q", links)
			}
			if s := report.Stores[len(report.Stores)-1]; s.Added != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// byHash orders the parts of a bundle whose files are joined by the names of their hash
// links.
func byHash(t *testing.T, old, ca *roottest.CA) string {
	t.Helper()
	if hash(t, ca) < hash(t, old) {
		return "NEW OLD"
	}
	return "OLD NEW"
}
