package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/keystore"
)

// runPrefix begins the names of the directories of runs.
const runPrefix = "certgraft-run-"

// runPlaces returns where in the directory of a run what is.
func runPlaces(dir string) installer.Places {
	in := func(name string) string { return filepath.Join(dir, name) }
	return installer.Places{Bundle: in("ca.pem"), Directory: in("certs"), Keystore: in("cacerts"), APT: in("apt.conf"), PHP: in("php"), Wget: in("wgetrc")}
}

// runBases returns where the directory of a run may be, the best first. A file
// system in memory leaves not even a changed time in a layer of an image.
func runBases(env environ) []string {
	bases := []string{"/dev/shm", "/tmp", "/var/tmp", "/run", env["HOME"], ".", "/"}
	if env["TMPDIR"] != "" {
		bases = append([]string{env["TMPDIR"]}, bases...)
	}
	return bases
}

// runDir is the directory of a run. As long as the process lives, and no longer,
// the directory is locked.
type runDir struct {
	path string
	lock *os.File
}

// makeRunDir makes a directory in the first of bases in which fill succeeds.
func makeRunDir(bases []string, fill func(dir string) error) (*runDir, error) {
	var failures []error
	for _, base := range bases {
		dir, err := newRunDir(base)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		if err = fill(dir.path); err == nil {
			return dir, nil
		}
		failures = append(failures, err, dir.remove())
	}
	return nil, withHint(fmt.Errorf("run: no directory for the bundle can be made: %w", errors.Join(failures...)), "name a directory that can be written to with TMPDIR=DIR")
}

func newRunDir(base string) (*runDir, error) {
	base, err := filepath.Abs(base)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(base)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 {
		return nil, fmt.Errorf("%s: anyone may replace what others have in it", base)
	}
	name, err := os.MkdirTemp(base, runPrefix)
	if err != nil {
		return nil, err
	}
	// The programs below may run as other users, as the methods of apt do. So
	// that they can read it the mode of all in here is set past the umask.
	if err := os.Chmod(name, 0o755); err != nil {
		return nil, errors.Join(err, os.Remove(name))
	}
	lock, err := os.Open(name)
	if err != nil {
		return nil, errors.Join(err, os.Remove(name))
	}
	_ = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) // where there are no locks nothing is swept either
	return &runDir{name, lock}, nil
}

func (d *runDir) remove() error { return errors.Join(os.RemoveAll(d.path), d.lock.Close()) }

// sweep removes what runs left that were killed.
func sweep(p *printer, bases []string) {
	for _, base := range bases {
		entries, err := os.ReadDir(base)
		if err != nil {
			continue
		}
		for _, entry := range entries {
			if strings.HasPrefix(entry.Name(), runPrefix) && entry.IsDir() {
				sweepDir(p, filepath.Join(base, entry.Name()))
			}
		}
	}
}

// sweepDir removes the directory of a run of this user that is no more: nobody
// has it locked. One that is empty may be about to be locked.
func sweepDir(p *printer, name string) {
	dir, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_DIRECTORY, 0)
	if err != nil {
		return
	}
	defer dir.Close()
	info, err := dir.Stat()
	if err != nil {
		return
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) != os.Geteuid() || syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return
	}
	if inside, err := dir.Readdirnames(1); (err != nil || len(inside) == 0) && time.Since(info.ModTime()) < time.Hour {
		return
	}
	if err := os.RemoveAll(name); err != nil {
		p.warn("what a run that was killed left stays: " + err.Error())
		return
	}
	p.log().Debug("swept", "directory", name)
}

// fillRunDir writes the bundle in every form, and what configuration names it.
func fillRunDir(p *printer, dir string, set *certs.Set) error {
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
	before, mode := existing(p, wgetrc), fs.FileMode(0o644)
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
