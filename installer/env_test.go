package installer_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
)

// What a variable names and cannot be extended is left alone, and said to be.
func TestEnvStoreLeavesAlone(t *testing.T) {
	ca := roottest.NewCA(t, "Old")
	for what, data := range map[string]string{
		"DER": string(ca.DER), "JKS": "\xfe\xed\xfe\xed\x00\x00\x00\x02\x00\x00\x00\x00", "JCEKS": "\xce\xce\xce\xce\x00\x00\x00\x02", "a directory": "",
	} {
		before := bundleTree(ca.PEM())
		before["opt/named"] = &fstest.MapFile{Data: []byte(data), Mode: 0o644}
		if data == "" {
			delete(before, "opt/named")
			before["opt/named/x.pem"] = &fstest.MapFile{Data: []byte(ca.PEM()), Mode: 0o644}
		}
		after, report := roundTrip(t, before, installer.Options{Environ: map[string]string{"REQUESTS_CA_BUNDLE": "/opt/named"}}, corp(t))
		if data != "" && string(after["opt/named"].Data) != data {
			t.Errorf("%s: it was changed", what)
		}
		if len(report.Stores) != 1 || !strings.Contains(strings.Join(report.Warnings, "\n"), "REQUESTS_CA_BUNDLE names /opt/named, which is no file of PEM certificates and was left as it is") {
			t.Errorf("%s: %+v %q", what, report.Stores, report.Warnings)
		}
	}
	_, report := install(t, bundleTree(ca.PEM()), installer.Options{Environ: map[string]string{"REQUESTS_CA_BUNDLE": "/etc/ssl/certs"}}, corp(t))
	if len(report.Warnings) > 0 {
		t.Errorf("the system's directory is warned of: %q", report.Warnings)
	}
}
