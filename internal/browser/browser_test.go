package browser

import (
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/rootfs"
)

// Browsers are found by their programs. A family without a program is found by its
// directory of policies. Each browser has the file that it reads.
func TestFindAndPolicies(t *testing.T) {
	file := &fstest.MapFile{Mode: 0o644, Data: []byte("{}")}
	tree := fstest.MapFS{
		"usr/lib64/chromium-browser/chromium-browser": file, "home/u/.cache/ms-playwright/chromium-1200/chrome-linux64/chrome": file, "opt/google/chrome/chrome": file,
		"opt/google/chrome-beta/chrome": file, "etc/brave/policies/managed/x.json": file, "usr/lib64/firefox/libxul.so": file, "opt/firefox/libxul.so": file,
		"opt/firefox/distribution/policies.json": file, "root/.cache/ms-playwright/firefox-1490/firefox/libxul.so": file,
		"etc/opt/chrome/policies/managed/1.json": {Mode: 0o644, Data: []byte(`{"CADistrustedCertificates": ["x"]}`)}, "etc/opt/chrome/policies/managed/2.json": file,
	}
	root := rootfs.NewOverlay(tree)
	var names []string
	for _, b := range Find(root) {
		names = append(names, b.Name+" "+b.Path)
	}
	want := []string{
		"Chromium /usr/lib64/chromium-browser/chromium-browser", "Chrome /opt/google/chrome/chrome", "Chrome /opt/google/chrome-beta/chrome",
		"Chrome for Testing /home/u/.cache/ms-playwright/chromium-1200/chrome-linux64/chrome", "Brave /etc/brave/policies",
		"Playwright's Firefox /root/.cache/ms-playwright/firefox-1490/firefox/libxul.so", "Firefox /usr/lib64/firefox/libxul.so", "Firefox /opt/firefox/libxul.so",
	}
	if !slices.Equal(names, want) {
		t.Errorf("%q\nwant %q", names, want)
	}
	for _, test := range []struct {
		chromium string
		firefox  []string
		want     []string
	}{
		{"CADistrustedCertificates", nil, []string{
			"etc/chromium/policies/managed/00-certgraft.json", "etc/opt/chrome/policies/managed/1.json", "etc/opt/chrome_for_testing/policies/managed/00-certgraft.json", "etc/brave/policies/managed/00-certgraft.json",
		}},
		{"CACertificates", []string{"Certificates", "Install"}, []string{
			"etc/chromium/policies/managed/00-certgraft.json", "etc/opt/chrome/policies/managed/00-certgraft.json", "etc/opt/chrome_for_testing/policies/managed/00-certgraft.json", "etc/brave/policies/managed/00-certgraft.json",
			"opt/firefox/distribution/policies.json", "usr/lib64/firefox/distribution/policies.json", "etc/playwright/policies.json",
		}},
	} {
		targets, err := Policies(root, Find(root), test.chromium, test.firefox...)
		var got []string
		for _, target := range targets {
			got = append(got, target.Path)
			if !Reads(target.Path) {
				t.Errorf("%s is not kept of an image", target.Path)
			}
		}
		if !slices.Equal(got, test.want) || err != nil {
			t.Errorf("%q %v\nwant %q", got, err, test.want)
		}
	}
}

// The target of a link says which module stands in for NSS's.
func TestStandIn(t *testing.T) {
	link := func(to string) *fstest.MapFile {
		return &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte(to)}
	}
	file := &fstest.MapFile{Mode: 0o644}
	for want, tree := range map[string]fstest.MapFS{
		"": {"usr/lib/x86_64-linux-gnu/libnssckbi.so": file},
		"/usr/lib64/libnssckbi.so": {
			"usr/lib64/libnssckbi.so": link("/etc/alternatives/libnssckbi.so.x86_64"), "etc/alternatives/libnssckbi.so.x86_64": link("/usr/lib64/pkcs11/p11-kit-trust.so"), "usr/lib64/pkcs11/p11-kit-trust.so": file,
		},
	} {
		if got := StandIn(rootfs.NewOverlay(tree)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
