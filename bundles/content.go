package bundles

import (
	"errors"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/keystore"
)

// Content returns the certificates in the bytes of a file, and findings about
// them. It reads the formats of [certs.ParseAll], and PKCS#12 and JKS
// keystores. It tries a keystore without a password, with the empty one, with
// Java's default and with password. path names the file in the hint of the
// error. The error wraps [ErrRefused], and [keystore.ErrPassword] for a wrong
// password.
func Content(data []byte, path, password string) ([]*certs.Certificate, []*certs.Finding, error) {
	taken, findings, err := parseContent(data, password)
	return taken, findings, refusal("", path, err)
}

func parseContent(data []byte, password string) ([]*certs.Certificate, []*certs.Finding, error) {
	if !keystore.Looks(data) {
		return certs.ParseAll(data)
	}
	passwords := []string{"", keystore.DefaultPassword}
	if password != "" {
		passwords = append(passwords, password)
	}
	taken, err := keystore.Certificates(data, passwords...)
	return taken, nil, err
}

// refusal returns the error of refused content, with a hint. file names the
// content in a source of several files. path is the path of the file, or "".
func refusal(file, path string, err error) error {
	if err == nil {
		return nil
	}
	if file != "" {
		file += ": "
	}
	refused := refusedf("%s%w", file, err)
	if path == "" {
		path = "FILE"
	}
	switch {
	case errors.Is(err, certs.ErrPrivateKey):
		if in, ok := errors.AsType[*certs.KeyInObject](err); ok && in.Extract(path) != "" {
			refused = hint.Add(refused, "its CA alone: "+in.Extract(path))
		}
		return hint.Add(refused, "everyone can read an installed certificate: make a file with the certificates alone, and treat the key as exposed if this file was public")
	case errors.Is(err, keystore.ErrPassword):
		return refused // the caller knows how users give a password
	case errors.Is(err, keystore.ErrUnsupported):
		return hint.Add(refused, "write its certificates into a file: openssl pkcs12 -nokeys -in "+certs.ShellWord(path)+" -out ca.pem")
	}
	return hint.Add(refused, "look at the content: it should hold lines -----BEGIN CERTIFICATE-----, or be DER, PKCS#7, PKCS#12 or a Java keystore")
}
