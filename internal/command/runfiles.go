package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/command/launch"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/input"
	"github.com/certgraft/certgraft/keystore"
)

// makeRunDir makes a directory for the command, in the first of bases in which
// it can be, with what programs read that are to trust set.
func makeRunDir(ctx context.Context, p *printer, bases []string, set *certs.Set) (*launch.Dir, error) {
	dir, err := launch.MakeDir(bases, func(dir string) error { return fillRunDir(ctx, p, dir, set) })
	if err != nil {
		return nil, hint.Add(fmt.Errorf("run: no directory for the bundle can be made: %w", err), "name a directory that can be written to with TMPDIR=DIR")
	}
	return dir, nil
}

// runPlaces returns where in the directory of a run what is.
func runPlaces(dir string) installer.Places {
	in := func(name string) string { return filepath.Join(dir, name) }
	return installer.Places{Bundle: in("ca.pem"), Directory: in("certs"), Keystore: in("cacerts"), APT: in("apt.conf"), PHP: in("php"), Wget: in("wgetrc")}
}

// fillRunDir writes the bundle in every form, and what configuration names it.
func fillRunDir(ctx context.Context, p *printer, dir string, set *certs.Set) error {
	at := runPlaces(dir)
	for _, inner := range []string{at.Directory, at.PHP} {
		if err := errors.Join(os.Mkdir(inner, 0o755), os.Chmod(inner, 0o755)); err != nil {
			return err
		}
	}
	store, err := trustStore(keystore.NewJKS(keystore.DefaultPassword), set)
	if err != nil {
		return err
	}
	include := ""
	if before := p.env["APT_CONFIG"]; before != "" {
		include = fmt.Sprintf("#include %q;\n", before)
	}
	wgetrc := p.env["WGETRC"]
	if wgetrc == "" && p.env["HOME"] != "" {
		wgetrc = filepath.Join(p.env["HOME"], ".wgetrc")
	}
	files := map[string][]byte{
		at.Bundle:                              set.AppendPEM(nil),
		at.Keystore:                            store,
		at.APT:                                 fmt.Appendf(nil, "%sAcquire::https::CaInfo %q;\n", include, at.Bundle),
		filepath.Join(at.PHP, "certgraft.ini"): fmt.Appendf(nil, "openssl.cafile=%q\ncurl.cainfo=%q\n", at.Bundle, at.Bundle),
	}
	for c := range set.All() {
		files[hashFile(files, at.Directory, c)] = c.AppendPEM(nil)
	}
	for name, data := range files {
		if err := writeMode(name, data, 0o644); err != nil {
			return err
		}
	}
	before, mode := existing(ctx, p, wgetrc), fs.FileMode(0o644)
	if len(before) > 0 {
		mode = 0o600 // it may have passwords in it
	}
	return writeMode(at.Wget, fmt.Appendf(before, "ca_certificate = %s\n", at.Bundle), mode)
}

// writeMode writes a file that has this mode whatever the umask is.
func writeMode(name string, data []byte, mode fs.FileMode) error {
	if err := os.WriteFile(name, data, mode); err != nil {
		return err
	}
	return os.Chmod(name, mode)
}

// hashFile returns the name under which OpenSSL looks for c.
func hashFile(taken map[string][]byte, dir string, c *certs.Certificate) string {
	for id := 0; ; id++ {
		name := filepath.Join(dir, fmt.Sprintf("%08x.%d", c.SubjectHash(), id))
		if taken[name] == nil {
			return name
		}
	}
}

// existing returns the content of a configuration file that the command's is to
// begin with; nil if there is none.
func existing(ctx context.Context, p *printer, name string) []byte {
	if name == "" {
		return nil
	}
	data, err := input.ReadFile(ctx, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.warn("the configuration in " + name + " is left out: " + err.Error())
	}
	if n := len(data); n > 0 && data[n-1] != '\n' {
		data = append(data, '\n')
	}
	return data
}
