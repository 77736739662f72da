package installer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/certgraft/certgraft/internal/hint"
)

// Detection is the family of distributions of a root, and the reason for it.
type Detection struct {
	ID     string `json:"id"`     // ID of os-release, or ""
	Name   string `json:"name"`   // PRETTY_NAME of os-release
	Family string `json:"family"` // name of the system store: debian, alpine, p11-kit, suse … or bundle
	Rule   string `json:"rule"`   // the rule that decided, as a sentence

	hint string // what to do instead, if the root must not be edited
}

// families maps the ID and ID_LIKE of os-release to the system store.
var families = map[string]string{
	"debian":     "debian",
	"ubuntu":     "debian",
	"linuxmint":  "debian",
	"kali":       "debian",
	"raspbian":   "debian",
	"devuan":     "debian",
	"gentoo":     "debian", // the same tool
	"void":       "debian", // the same tool
	"chimera":    "debian", // the same tool
	"slackware":  "debian", // the same tool
	"alpine":     "alpine",
	"wolfi":      "alpine",
	"chainguard": "alpine",

	"fedora":     "p11-kit",
	"rhel":       "p11-kit",
	"centos":     "p11-kit",
	"rocky":      "p11-kit",
	"almalinux":  "p11-kit",
	"ol":         "p11-kit",
	"amzn":       "p11-kit",
	"azurelinux": "p11-kit",
	"mariner":    "p11-kit",

	"arch":        "arch",
	"manjaro":     "arch",
	"endeavouros": "arch",

	"suse":                "suse",
	"opensuse":            "suse",
	"opensuse-leap":       "suse",
	"opensuse-tumbleweed": "suse",
	"opensuse-microos":    "suse",
	"sles":                "suse",
	"sle-micro":           "suse",
	"sl-micro":            "suse",

	"photon":         "photon",
	"flatcar":        "flatcar",
	"coreos":         "flatcar", // Container Linux, which Flatcar continues
	"clear-linux-os": "clear",
	"openwrt":        "openwrt",
}

// refusedRoots are systems whose trust is declared elsewhere.
var refusedRoots = map[string]string{
	"nixos":        "declare the certificates in security.pki.certificateFiles and rebuild the system",
	"bottlerocket": "set them in settings.pki of the host: apiclient set settings.pki.NAME.data=BASE64 settings.pki.NAME.trusted=true",
}

// Detect finds the family of a root by os-release, then by its files. It returns an
// error for a root that must not be edited.
func Detect(root fs.FS) (*Detection, error) {
	d, err := detect(root)
	if err != nil {
		return nil, err
	}
	if d.hint != "" {
		return nil, hint.Add(fmt.Errorf("%s keeps its trust in its configuration: a file that is changed is lost or not used", d.ID), d.hint)
	}
	return d, nil
}

func detect(root fs.FS) (*Detection, error) {
	release, err := osRelease(root)
	if err != nil {
		return nil, err
	}
	d := &Detection{ID: release["ID"], Name: release["PRETTY_NAME"], hint: refusedRoots[release["ID"]]}
	d.byRelease(root, release)
	if d.Family == "" {
		d.byContent(root)
	}
	return d, nil
}

func (d *Detection) byRelease(root fs.FS, release map[string]string) {
	for i, id := range append([]string{d.ID}, strings.Fields(release["ID_LIKE"])...) {
		key := "ID"
		if i > 0 {
			key = "ID_LIKE"
		}
		switch family := families[id]; {
		case family == "":
		case family == "debian" && bareDebian(root, d):
			d.Family = "bundle"
			return
		default:
			d.Family, d.Rule = family, fmt.Sprintf("os-release has %s=%s", key, id)
			return
		}
	}
}

// bareDebian recognises images that call themselves Debian and have only its bundle:
// distroless and chiselled Ubuntu.
func bareDebian(root fs.FS, d *Detection) bool {
	switch {
	case strings.Contains(d.Name, "Distroless"):
		d.Rule = "os-release has PRETTY_NAME=" + d.Name
	case !exists(root, "var/lib/dpkg/status") && !HasUpdateTool(root):
		d.Rule = fmt.Sprintf("os-release has ID=%s, but neither dpkg nor update-ca-certificates exists", d.ID)
	default:
		return false
	}
	return true
}

// byContent decides when os-release names no known family.
func (d *Detection) byContent(root fs.FS) {
	switch {
	case exists(root, "etc/alpine-release"), exists(root, "lib/apk/db/installed"):
		d.Family, d.Rule = "alpine", "an apk database exists"
	case exists(root, "etc/pki/ca-trust/source/anchors") && exists(root, "etc/pki/ca-trust/extracted"):
		d.Family, d.Rule = "p11-kit", "the files that update-ca-trust reads and writes exist"
	case exists(root, "etc/pki/trust/anchors") && exists(root, "var/lib/ca-certificates"):
		d.Family, d.Rule = "suse", "the files that SUSE's update-ca-certificates reads and writes exist"
	case HasUpdateTool(root) && exists(root, "usr/share/ca-certificates"):
		d.Family, d.Rule = "debian", "update-ca-certificates and /usr/share/ca-certificates exist"
	case d.ID == "":
		d.Family, d.Rule = "bundle", "the root has no os-release and no known tool"
	default:
		d.Family, d.Rule = "bundle", fmt.Sprintf("os-release has ID=%s, which is unknown, and the root has no known tool", d.ID)
	}
}

// osRelease reads os-release(5). An error other than a missing file is returned: a root
// of unknown family must not be edited as if it had no os-release.
func osRelease(root fs.FS) (map[string]string, error) {
	for _, name := range []string{"etc/os-release", "usr/lib/os-release"} {
		data, err := fs.ReadFile(root, name)
		switch {
		case err == nil:
			return parseRelease(data), nil
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("read os-release: %w", err)
		}
	}
	return map[string]string{}, nil
}

func parseRelease(data []byte) map[string]string {
	values := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		key, value, ok := strings.Cut(strings.TrimSpace(lines.Text()), "=")
		if ok && !strings.HasPrefix(key, "#") {
			values[key] = strings.Trim(value, `"'`)
		}
	}
	return values
}
