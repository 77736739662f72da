package installer_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
)

const (
	chromium    = "-- usr/lib/chromium/chromium --\n"
	firefoxESR  = "-- usr/lib/firefox-esr/libxul.so --\n-- usr/lib/firefox-esr/distribution -> ../../share/firefox-esr/distribution --\n-- usr/share/firefox-esr/distribution/searchplugins/ --\n"
	chromiumDir = "etc/chromium/policies/managed/"
	firefoxFile = "etc/firefox/policies/policies.json"
)

var browsers = installer.Options{Stores: []string{"auto", "browser"}}

// The policies of browsers name the installed CAs, keep other entries, and are after
// remove as before: R12.
func TestR12Policies(t *testing.T) {
	old, ca := roottest.NewCA(t, "Old"), roottest.NewCA(t, "New")
	theirs, ours := entryOf(t, old), entryOf(t, ca)
	for _, test := range []struct{ name, root, file, want string }{
		{"chromium without policies", chromium, chromiumDir + "00-certgraft.json", "{\n  \"CACertificates\": [\n    OURS\n  ]\n}\n"},
		{"a directory of policies alone", "-- etc/opt/chrome/policies/managed/ --\n", "etc/opt/chrome/policies/managed/00-certgraft.json", "{\n  \"CACertificates\": [\n    OURS\n  ]\n}\n"},
		{"the list that counts", chromium + "-- " + chromiumDir + "a.json --\n{\"CACertificates\": []}\n-- " + chromiumDir + "b.json --\n// ours\n{\"CACertificates\": [\n  " + theirs + ", // old\n]}\n-- " + chromiumDir + "c.json --\n{}\n",
			chromiumDir + "b.json", "// ours\n{\"CACertificates\": [\n  " + theirs + ",\n  OURS, // old\n]}\n"},
		{"a file of Firefox's name", chromium + "-- " + chromiumDir + "policies.json --\n{\"CACertificates\": []}\n", chromiumDir + "policies.json", "{\"CACertificates\": [OURS]}\n"},
		{"a directory that is a link", chromium + "-- etc/chromium/policies/managed -> ../own --\n-- etc/chromium/own/a.json --\n{\"CACertificates\": []}\n", "etc/chromium/own/a.json", "{\"CACertificates\": [OURS]}\n"},
		{"a file that is no JSON is passed over", chromium + "-- " + chromiumDir + "z.json --\n{broken\n", chromiumDir + "00-certgraft.json", "{\n  \"CACertificates\": [\n    OURS\n  ]\n}\n"},
		{"firefox without policies", firefoxESR, firefoxFile, "{\n  \"policies\": {\n    \"Certificates\": {\n      \"Install\": [\n        \"/etc/firefox/policies/FILE\"\n      ]\n    }\n  }\n}\n"},
		{"firefox with its own", firefoxESR + "-- usr/share/firefox-esr/distribution/policies.json --\n{\"policies\":{\"Certificates\":{\"Install\":[\"x.pem\"]}}}\n",
			"usr/share/firefox-esr/distribution/policies.json", "{\"policies\":{\"Certificates\":{\"Install\":[\"x.pem\",\"/usr/share/firefox-esr/distribution/FILE\"]}}}\n"},
		{"the file for all hides firefox's own", firefoxESR + "-- usr/share/firefox-esr/distribution/policies.json --\n{}\n-- " + firefoxFile + " --\n{\"policies\": {\"DisableTelemetry\": true}}\n",
			firefoxFile, "{\"policies\": {\"DisableTelemetry\": true,\"Certificates\": {\"Install\": [\"/etc/firefox/policies/FILE\"]}}}\n"},
	} {
		after, report := roundTrip(t, tree(t, "-- etc/ssl/cert.pem --\nCA1\n"+test.root, old), browsers, source(t, "s", ca.PEM()))
		file := certificateFile(after, ca.PEM())
		want := strings.NewReplacer("OURS", ours, "FILE", file).Replace(test.want)
		if after[test.file] == nil || string(after[test.file].Data) != want {
			t.Errorf("%s: %v\nwant %s", test.name, after[test.file], want)
		}
		if !slices.ContainsFunc(report.Stores, func(s installer.StoreReport) bool {
			return s.Name == "browser" && s.Path == "/"+test.file && s.Added == 1
		}) {
			t.Errorf("%s: %+v", test.name, report.Stores)
		}
		if broken := strings.Contains(test.root, "{broken"); broken != strings.Contains(strings.Join(report.Warnings, "\n"), "/z.json: line 1: the name of a member must stand here") {
			t.Errorf("%s: %q", test.name, report.Warnings)
		}
		if !installer.Reads(test.file) && !strings.Contains(test.file, "/own/") {
			t.Errorf("%s is not kept of an image", test.file)
		}
	}
}

func entryOf(t *testing.T, ca *roottest.CA) string {
	t.Helper()
	return `"` + base64.StdEncoding.EncodeToString(ca.DER) + `"`
}

// certificateFile returns the name of a file beside Firefox's policies.
func certificateFile(tree fstest.MapFS, pem string) string {
	for name, f := range tree {
		if string(f.Data) == pem && (strings.HasPrefix(name, "etc/firefox") || strings.HasPrefix(name, "usr/share/firefox")) {
			return name[strings.LastIndexByte(name, '/')+1:]
		}
	}
	return "none"
}

// A policy that the browser cannot read, or that is not a list, is refused and stays
// unchanged.
func TestPolicyRefused(t *testing.T) {
	for _, test := range []struct{ root, want string }{
		{firefoxESR + "-- " + firefoxFile + " --\n// a comment\n{}\n", "/" + firefoxFile + ": it cannot be edited: line 1: an object must stand here"},
		{firefoxESR + "-- " + firefoxFile + " --\n{\"policies\": {\"Certificates\": 1}}\n", "policies.Certificates is not an object"},
		{chromium + "-- " + chromiumDir + "a.json --\n{\"CACertificates\": \"x\"}\n", "CACertificates is not a list"},
	} {
		_, err := tryInstall(tree(t, "-- etc/ssl/cert.pem --\n"+test.root), browsers, corp(t))
		if !errors.Is(err, installer.ErrRefused) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %s", err, test.want)
		}
	}
}

// Other people's entries in a policy stay, before and behind ours, and the report names
// them.
func TestPolicyOfOthers(t *testing.T) {
	ca := roottest.NewCA(t, "New")
	text := "{\"CACertificates\": [" + entryOf(t, ca) + "]}\n"
	before := tree(t, "-- etc/ssl/cert.pem --\n"+chromium+"-- "+chromiumDir+"a.json --\n"+text)
	after, report := install(t, before, browsers, source(t, "s", ca.PEM()))
	if i := slices.IndexFunc(report.Stores, func(s installer.StoreReport) bool { return s.Name == "browser" }); i < 0 || report.Stores[i].Present != 1 || string(after[chromiumDir+"a.json"].Data) != text {
		t.Errorf("%+v %s", report.Stores, after[chromiumDir+"a.json"].Data)
	}
	after, removed := remove(t, after, installer.Selection{All: true}, installer.Options{})
	if string(after[chromiumDir+"a.json"].Data) != text || len(removed.Stays) != 1 || !strings.Contains(removed.Stays[0].Because, "/"+chromiumDir+"a.json") {
		t.Errorf("%+v %s", removed.Stays, after[chromiumDir+"a.json"].Data)
	}
}

// If someone adds an entry to a file that certgraft made, the file stays. A file of
// ours that Firefox no longer names goes.
func TestPolicyEdited(t *testing.T) {
	ca := roottest.NewCA(t, "New")
	after, _ := install(t, tree(t, "-- etc/ssl/cert.pem --\n"+chromium+firefoxESR), browsers, source(t, "s", ca.PEM()))
	name := chromiumDir + "00-certgraft.json"
	after[name] = &fstest.MapFile{Mode: 0o644, Data: []byte(strings.Replace(string(after[name].Data), "{\n", "{\n  \"HomepageLocation\": \"x\",\n", 1))}
	after[firefoxFile] = &fstest.MapFile{Mode: 0o644, Data: []byte("{\"policies\": {}}\n")}
	after, report := remove(t, after, installer.Selection{All: true}, installer.Options{})
	if got := string(after[name].Data); got != "{\n  \"HomepageLocation\": \"x\"\n}\n" {
		t.Errorf("%s", got)
	}
	if file := certificateFile(after, ca.PEM()); file != "none" || string(after[firefoxFile].Data) != "{\"policies\": {}}\n" {
		t.Errorf("%s %s", file, after[firefoxFile].Data)
	}
	if len(report.Stays) > 0 {
		t.Errorf("%+v", report.Stays)
	}
}

// The report names browsers and databases of NSS that do not trust the installed CAs,
// and the command that changes this: R12.
func TestR12Advice(t *testing.T) {
	ca := roottest.NewCA(t, "It's")
	const databases = "-- home/u/.pki/nssdb/cert9.db --\n-- home/u/.mozilla/firefox/x.default/cert9.db --\n-- root/.thunderbird/y.default/cert9.db --\n"
	const line = " -t C,, -n 'It'\\''s' -i /usr/local/share/ca-certificates/certgraft-s-"
	debian := "-- etc/os-release --\nID=debian\n-- usr/sbin/update-ca-certificates 0755 --\n"
	standIn := "-- usr/lib/x86_64-linux-gnu/libnssckbi.so -> pkcs11/p11-kit-trust.so --\n-- usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-trust.so --\n"
	for _, test := range []struct {
		root   string
		opt    installer.Options
		advice []string // the beginnings
		note   string
	}{
		{debian + databases, installer.Options{}, []string{
			"NSS of Chromium, Chrome and Electron (/home/u/.pki/nssdb): certutil -A -d sql:/home/u/.pki/nssdb" + line,
			"NSS of Firefox (/home/u/.mozilla/firefox/x.default): certutil -A -d sql:/home/u/.mozilla/firefox/x.default" + line,
			"NSS of Thunderbird (/root/.thunderbird/y.default): certutil -A -d sql:/root/.thunderbird/y.default" + line,
		}, ""},
		{debian + databases + chromium + firefoxESR, browsers, []string{"NSS of Thunderbird ("}, ""},
		{debian + chromium + firefoxESR + standIn, installer.Options{}, []string{"Firefox (/usr/lib/firefox-esr/libxul.so): it trusts"}, "/usr/lib/x86_64-linux-gnu/libnssckbi.so is p11-kit's module"},
		{debian + standIn, installer.Options{}, nil, ""},
		{debian + "-- home/u/.cache/ms-playwright/firefox-1490/firefox/libxul.so --\n", browsers, []string{"Playwright's Firefox (/home/u/.cache/ms-playwright/firefox-1490/firefox/libxul.so): set PLAYWRIGHT_FIREFOX_POLICIES_JSON=/etc/playwright/policies.json"}, ""},
	} {
		_, report := install(t, tree(t, test.root), test.opt, source(t, "s", ca.PEM()))
		for i, a := range report.Advice {
			if i >= len(test.advice) || !strings.HasPrefix(a.String(), test.advice[i]) {
				t.Errorf("%s\nwant %q", a, test.advice)
			}
		}
		notes := strings.Join(report.Notes, "\n")
		if len(report.Advice) < len(test.advice) || !strings.Contains(notes, test.note) || test.note == "" && strings.Contains(notes, "p11-kit's module") {
			t.Errorf("%q %q, want %q %q", report.Advice, report.Notes, test.advice, test.note)
		}
	}
}

// After any sequence of installs, removals and other people's edits, remove --all
// leaves the policies as those edits alone would have made them.
func TestPolicyWalk(t *testing.T) {
	const file = chromiumDir + "corp.json"
	cas := []*roottest.CA{roottest.NewCA(t, "A"), roottest.NewCA(t, "B"), roottest.NewCA(t, "C"), roottest.NewCA(t, "D")}
	sources := []installer.Source{source(t, "x", cas[0].PEM()+cas[1].PEM()), source(t, "y", cas[1].PEM()+cas[2].PEM())}
	base := "-- etc/ssl/cert.pem --\n" + chromium + firefoxESR + "-- " + file + " --\n"
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 0))
		real := tree(t, base+`{"HomepageLocation": "x"}`+"\n")
		shadow := tree(t, base+`{"HomepageLocation": "x"}`+"\n")
		for range 12 {
			switch i := rng.IntN(2); rng.IntN(4) {
			case 0, 1:
				real, _ = install(t, real, browsers, sources[i])
			case 2:
				real, _ = remove(t, real, installer.Selection{Sources: []string{sources[i].Name}}, installer.Options{})
			default: // someone adds, or takes out, a CA of their own or one like ours
				entry := strings.Trim(entryOf(t, cas[2+i]), `"`)
				in := slices.Contains(policyList(t, shadow, file), entry)
				for _, root := range []fstest.MapFS{real, shadow} {
					list := policyList(t, root, file)
					at := slices.Index(list, entry)
					if in {
						list = slices.Delete(list, at, at+1)
					} else {
						list = append([]string{entry}, list...)
					}
					text, err := json.Marshal(map[string]any{"HomepageLocation": "x", "CACertificates": list})
					must(t, err)
					root[file] = &fstest.MapFile{Mode: 0o644, Data: text}
				}
			}
		}
		real, _ = remove(t, real, installer.Selection{All: true}, installer.Options{})
		if got, want := policyList(t, real, file), policyList(t, shadow, file); !slices.Equal(got, want) {
			t.Fatalf("seed %d: %d entries, want %d", seed, len(got), len(want))
		}
		if untouched := `{"HomepageLocation": "x"}` + "\n"; string(shadow[file].Data) == untouched && string(real[file].Data) != untouched {
			t.Fatalf("seed %d: %s is left", seed, real[file].Data)
		}
		for name := range real {
			if shadow[name] == nil && strings.HasPrefix(name, "etc/") {
				t.Fatalf("seed %d: %s is left: %s", seed, name, real[name].Data)
			}
		}
	}
}

func policyList(t *testing.T, root fstest.MapFS, file string) []string {
	t.Helper()
	var policy struct{ CACertificates []string }
	must(t, json.Unmarshal(root[file].Data, &policy))
	return policy.CACertificates
}

// For an image, advice names the command that edits images, since certgraft install
// cannot.
func TestAdviceNamesTheCommand(t *testing.T) {
	root := "-- etc/os-release --\nID=debian\n-- usr/sbin/update-ca-certificates 0755 --\n" + firefoxESR
	for again, want := range map[string]string{"": ": certgraft install --stores", "certgraft patch IMAGE": ": certgraft patch IMAGE --stores"} {
		_, report := install(t, tree(t, root), installer.Options{Again: again}, source(t, "s", roottest.NewCA(t, "Corp").PEM()))
		if len(report.Advice) == 0 || !strings.Contains(report.Advice[0].String(), want) {
			t.Errorf("%q: %q, want %q", again, report.Advice, want)
		}
	}
}
