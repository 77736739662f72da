package command

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/input"
)

var digest64 = regexp.MustCompile(`^[0-9a-f]{64}$`)

// caNames finds the CAs that a person names.
type caNames struct {
	lists        *bundles.Distrusted
	javaPassword string // file with the password
	dir          string // of files; "" is the working directory
}

// find returns the CAs that one name stands for.
func (n caNames) find(ctx context.Context, name string) ([]installer.Unwanted, error) {
	plain := certs.PlainFingerprint(name)
	key, isKey := strings.CutPrefix(strings.ToLower(name), "spki:")
	key = strings.ReplaceAll(key, ":", "")
	switch {
	case strings.HasPrefix(name, "@"):
		return n.inLists(name)
	case isKey && digest64.MatchString(key):
		u := installer.Unwanted{Key: key, Name: "spki:" + key}
		if l := n.lists.OfKey(key); l != nil {
			u.Why = l.Said()
		}
		return []installer.Unwanted{u}, nil
	case isKey:
		return nil, hint.Add(usagef("%s is no SHA-256 of a public key: it has 64 hexadecimal digits", name), "openssl x509 -in FILE -pubkey -noout | openssl pkey -pubin -outform der | sha256sum")
	case digest64.MatchString(plain):
		return []installer.Unwanted{{Certificate: plain, Name: plain}}, nil
	}
	path := n.inDir(name)
	data, err := input.ReadFile(ctx, path)
	if isMissing(err) && len(plain) >= 8 && strings.Trim(plain, "0123456789abcdef") == "" {
		return nil, hint.Add(usagef("%s is not a whole fingerprint: a SHA-256 has 64 hexadecimal digits, this has %d", name, len(plain)), "certgraft inspect --json names the fingerprints of what is trusted")
	}
	if isMissing(err) {
		return nil, hint.Add(usagef("%s: no such file", path), "name a SHA-256 fingerprint, spki:SHA-256, a file of certificates, @LIST or @all; certgraft list @all names the lists")
	}
	if err != nil {
		return nil, err
	}
	at := place{name: path, data: data}
	set, _, err := at.held(ctx, n.javaPassword)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if set.Len() == 0 {
		return nil, fmt.Errorf("%s holds no certificate", path)
	}
	var all []installer.Unwanted
	for c := range set.All() {
		u := installer.Unwanted{Certificate: c.Fingerprint().String(), Name: c.Subject(), Cert: c}
		if l := n.lists.Of(c); l != nil {
			u.Why = l.Said()
		}
		all = append(all, u)
	}
	return all, nil
}

// inDir returns the path of a file.
func (n caNames) inDir(name string) string {
	if n.dir == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(n.dir, name)
}

// inLists returns the CAs of the lists that a name stands for. A list that
// distrusts only certificates issued after a date counts only if its own name is
// given.
func (n caNames) inLists(name string) (all []installer.Unwanted, err error) {
	found, err := n.lists.Find(name)
	if err != nil {
		return nil, err
	}
	for _, l := range found {
		for _, c := range l.Certificates {
			all = append(all, installer.Unwanted{Certificate: c.SHA256, Name: c.Name, Why: l.Said()})
		}
		for _, k := range l.Keys {
			all = append(all, installer.Unwanted{Key: k.SHA256, Name: k.Name, Why: l.Said()})
		}
	}
	for i := range all {
		all[i].Listed = true
	}
	return all, nil
}
