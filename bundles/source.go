package bundles

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/web"
)

// source is the source that one argument names.
type source struct {
	spec     string    // as given, without secrets, for messages
	provider *Provider // of a catalogue id
	region   string
	url      string // of a URL, as given
	path     string // of a file or directory
	lockDir  string // directory of the lock that names it, or will
	stdin    bool
	password string // of a keystore

	pinBytes string // SHA-256 of the bytes
	pinSet   string // set digest of the certificates
}

// cutPin cuts @sha256:HEX or @set:HEX off an argument. The @ may also be part of a
// URL.
func cutPin(arg string) (spec, kind, pin string) {
	if i := strings.LastIndexByte(arg, '@'); i >= 0 {
		kind, pin, _ = strings.Cut(arg[i+1:], ":")
		if (kind == "sha256" || kind == "set") && strings.HasPrefix(arg[i+1:], kind+":") && !strings.Contains(pin, "/") {
			return arg[:i], kind, pin
		}
	}
	return arg, "", ""
}

// parseSource reads an argument: ID, ID:REGION, a URL, a path or "-", any of
// them with @sha256:HEX or @set:HEX. An id wins over a file of the same name.
func parseSource(c *Catalogue, spec string, opt Options) (*source, error) {
	spec, kind, pin := cutPin(spec)
	s := &source{spec: redact(spec)}
	switch {
	case kind != "" && !isSHA256(pin):
		return nil, usagef("%s: the pin %q is not 64 lower-case hexadecimal digits", s.spec, pin)
	case kind == "set":
		s.pinSet = pin
	case kind == "sha256":
		s.pinBytes = pin
	}
	switch {
	case spec == "":
		return nil, usagef("a source is empty")
	case spec == "-":
		s.stdin, s.spec = true, "standard input"
		return s, nil
	case strings.Contains(spec, "://"):
		return s, s.setURL(spec, opt.Insecure)
	}
	p, region, err := c.find(spec)
	switch {
	case err == nil:
		s.provider, s.region = p, region
		_, err = p.urls(region)
		return s, err
	case looksLikePath(spec, opt.path(spec)):
		s.path = opt.path(spec)
		s.spec = s.path
		return s, nil
	}
	return nil, err
}

// Path returns the file or directory that an argument of [Load] names, without
// its pin. ok is false for other kinds of sources.
func (c *Catalogue) Path(spec string) (name string, ok bool) {
	s, err := parseSource(c, spec, Options{Insecure: true})
	if err != nil || s.path == "" {
		return "", false
	}
	return s.path, true
}

func (s *source) setURL(address string, insecure bool) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "":
		return usagef("%s is not a URL", s.spec)
	case u.Scheme == "http" && !insecure:
		return hint.Add(usagef("%s is http, which anyone on the way can change", s.spec), "use https, or allow it with --insecure and pin the content with @set:HEX")
	case u.Scheme != "http" && u.Scheme != "https":
		return hint.Add(usagef("%s: %s URLs are not read", s.spec, u.Scheme), "a source is a catalogue id, an https URL, a file, a directory or -")
	}
	s.url = address
	return nil
}

// path returns the path, from the working directory, of the file that a source
// names.
func (opt Options) path(spec string) string {
	if opt.Dir == "" || opt.Dir == "." || filepath.IsAbs(spec) {
		return spec
	}
	return filepath.Join(opt.Dir, spec)
}

// looksLikePath reports whether a name that is not an id means the file at path: by
// its form, or because the file exists.
func looksLikePath(spec, path string) bool {
	if strings.ContainsRune(spec, filepath.Separator) || strings.Contains(spec, ".") {
		return true
	}
	_, err := os.Lstat(path)
	return err == nil
}

// redact removes possible secrets from a URL. Other arguments stay as they are.
func redact(spec string) string {
	if !strings.Contains(spec, "://") {
		return spec
	}
	return web.Redact(spec)
}

// public returns the name of the source in the record: a path without its
// directory, a URL without secrets.
func (s *source) public() string {
	switch {
	case s.provider != nil && s.region != "":
		return s.provider.ID + ":" + s.region
	case s.provider != nil:
		return s.provider.ID
	case s.stdin:
		return "stdin"
	case s.url != "":
		return s.spec
	}
	return baseName(s.path)
}

func baseName(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return filepath.Base(path)
}

// anchor returns the part of an anchor's file name that names the source.
func (s *source) anchor() string {
	switch {
	case s.provider != nil:
		return s.provider.ID
	case s.stdin:
		return "stdin"
	case s.url != "":
		u, _ := url.Parse(s.url) // valid: the argument was checked
		return u.Hostname()
	}
	base := baseName(s.path)
	return strings.TrimSuffix(base, filepath.Ext(base))
}
