package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/command/launch"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/input"
	"github.com/certgraft/certgraft/keystore"
	"github.com/certgraft/certgraft/readers"
	"github.com/certgraft/certgraft/rootfs"
)

// makeRunDir makes the directory of the run, in the first of bases that allows it.
// It holds files by which programs trust set.
func makeRunDir(ctx context.Context, p *printer, bases []string, set *certs.Set) (*launch.Dir, error) {
	dir, err := launch.MakeDir(bases, func(dir string) error { return fillRunDir(ctx, p, dir, set, writeMode) })
	if err != nil {
		return nil, hint.Add(fmt.Errorf("run: no directory for the bundle can be made: %w", err), "name a directory that can be written to with TMPDIR=DIR")
	}
	return dir, nil
}

// runPlaces returns the paths of the files in the directory of a run.
func runPlaces(dir string) readers.Paths {
	in := func(name string) string { return filepath.Join(dir, name) }
	return readers.Paths{Bundle: in("ca.pem"), Directory: in("certs"), Keystore: in("cacerts"), APT: in("apt.conf"), PHP: in("php"), Wget: in("wgetrc")}
}

// fillRunDir writes the bundle in every form, and the configuration files that
// name it, each with write: [writeMode] in a new directory, or [replaceMode].
func fillRunDir(ctx context.Context, p *printer, dir string, set *certs.Set, write func(name string, data []byte, mode fs.FileMode) error) error {
	at := runPlaces(dir)
	for _, inner := range []string{at.Directory, at.PHP} {
		if err := errors.Join(os.MkdirAll(inner, 0o755), os.Chmod(inner, 0o755)); err != nil {
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
	for _, name := range slices.Sorted(maps.Keys(files)) { // the bundle, which most programs read, comes first
		if err := write(name, files[name], 0o644); err != nil {
			return err
		}
	}
	if err := removeOthers(at.Directory, files); err != nil {
		return err
	}
	before, mode := existing(ctx, p, wgetrc), fs.FileMode(0o644)
	if len(before) > 0 {
		mode = 0o600 // the file may hold passwords
	}
	return write(at.Wget, fmt.Appendf(before, "ca_certificate = %s\n", at.Bundle), mode)
}

// writeMode writes a file with this mode, whatever the umask is.
func writeMode(name string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Chmod(mode), f.Close())
}

// replaceMode is writeMode for a file that the command may be reading. A reader
// sees the earlier file or the new one.
func replaceMode(name string, data []byte, mode fs.FileMode) error {
	fresh := name + ".new"
	if err := writeMode(fresh, data, mode); err != nil {
		return err
	}
	return os.Rename(fresh, name)
}

// removeOthers removes all other files from a directory.
func removeOthers(dir string, files map[string][]byte) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if name := filepath.Join(dir, e.Name()); files[name] == nil {
			err = errors.Join(err, os.Remove(name))
		}
	}
	return err
}

// follow updates the files of a run when the system's CAs change. The command may
// install CAs itself, and must trust them as without certgraft.
func follow(ctx context.Context, p *printer, root, dir string, sources []installer.Source) (stop func()) {
	silent := *p
	silent.err = io.Discard // the start has printed all messages
	return launch.Watch(filepath.Join(root, systemBundle(root)), func() {
		if err := fillRunDir(ctx, &silent, dir, runSet(ctx, &silent, root, sources), replaceMode); err != nil {
			p.warn("the command does not trust the CAs that it installed itself: " + err.Error())
		}
	})
}

// systemBundle returns the file that has, or will have, the system's CAs.
func systemBundle(root string) string {
	fsys, closer, err := rootfs.ReadOnly(root)
	if err == nil {
		defer closer.Close()
		if name := installer.Bundle(fsys); name != "" {
			return name
		}
	}
	return "/etc/ssl/certs/ca-certificates.crt" // the path in Debian and Alpine
}

// hashFile returns the name by which OpenSSL looks for c.
func hashFile(taken map[string][]byte, dir string, c *certs.Certificate) string {
	for id := 0; ; id++ {
		name := filepath.Join(dir, fmt.Sprintf("%08x.%d", c.SubjectHash(), id))
		if taken[name] == nil {
			return name
		}
	}
}

// existing returns a configuration file that the command's own must begin with, or
// nil.
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
