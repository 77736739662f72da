package installer

import (
	"fmt"
	"io/fs"
	"slices"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/readers"
)

// Environment is the variables that make the programs in a root use its stores.
type Environment struct {
	Bundle    string            `json:"bundle"` // "" if the root has none
	Variables []readers.Setting `json:"variables"`
	LeftOut   []LeftOut         `json:"leftOut"`

	Databases []DatabaseState `json:"databases"` // of NSS; no variable affects them
	Browsers  []BrowserState  `json:"browsers"`  // no variable affects them
}

// LeftOut is a variable that would do harm, with the reason.
type LeftOut struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Environ returns the variables that are useful for the programs in a root, or all
// variables that can be set there. It leaves out variables that would hide roots that
// are trusted without them, and variables that are already set: opt.Environ has the
// environment of the programs in the root, if known.
func Environ(root fs.ReadLinkFS, opt Options, all bool) (*Environment, error) {
	e, err := lookAt(root, opt)
	if err != nil {
		return nil, err
	}
	out := &Environment{Bundle: e.bundleName(), Variables: []readers.Setting{}, LeftOut: []LeftOut{}, Databases: Databases(e.root), Browsers: e.browsers()}
	if out.Bundle == "" {
		return out, nil
	}
	useful, places := e.useful(), e.places()
	for _, v := range readers.Variables() {
		value := v.At(places)
		if value == "" || !all && !slices.Contains(useful, v) {
			continue
		}
		if reason := e.harm(v, value, places, all); reason != "" {
			out.LeftOut = append(out.LeftOut, LeftOut{v.Name, reason})
			continue
		}
		out.Variables = append(out.Variables, v.With(v.Join(opt.Environ[v.Name], value)))
	}
	return out, nil
}

// harm returns why a variable must not be set, or "".
func (e *edit) harm(v *readers.Variable, value string, places readers.Paths, all bool) string {
	old := e.opt.Environ[v.Name]
	switch {
	case old != "" && old != value && v.Joined == "":
		return fmt.Sprintf("it is set to %s: %s extends the file that it names, or unset it", old, e.again())
	case v.Strict && !all:
		return fmt.Sprintf("connections that do not verify the server's certificate would begin to; set sslrootcert=%s for connections that must verify", value)
	case v.Adds:
		return ""
	case v.Name == "JAVA_TOOL_OPTIONS":
		return e.hides(places.Keystore, e.keystoreHolds(places.Keystore))
	}
	return e.hides(places.Bundle, e.bundleHolds(places.Bundle))
}

// hides returns an explanation if a file lacks the public roots that a runtime would
// lose, or "".
func (e *edit) hides(name string, held *certs.Set) string {
	if isPublic(held) {
		return ""
	}
	holds := fmt.Sprintf("%d certificates", held.Len())
	if held.Len() == 1 {
		holds = "1 certificate"
	}
	return fmt.Sprintf("it would hide the public CAs: %s lacks them and holds %s; %s %s adds them", name, holds, e.again(), mozillaSource)
}

// places returns the files and the directory of a root that variables can name.
func (e *edit) places() readers.Paths {
	p := readers.Paths{Bundle: e.bundleName()}
	if e.certDirLinks("").hasAny() {
		p.Directory = "/" + certDir
	}
	for _, name := range keystorePaths {
		if leadsToFile(e.root, name) {
			p.Keystore = "/" + name
			break
		}
	}
	return p
}
