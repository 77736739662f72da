package installer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/rootfs"
)

// Keychain is the trust store of macOS. It has no file to write: its own tool,
// security(1), edits it. The record of installed certificates is as in any other root.
type Keychain struct {
	Tool   string // security, or its path
	Home   string // of the user whose login keychain is edited; "" is the system's keychain
	DryRun bool
}

const keychainStore = "keychain"

// systemKeychain is the keychain that all users trust.
const systemKeychain = "/Library/Keychains/System.keychain"

func (k Keychain) path() string {
	if k.Home != "" {
		return filepath.Join(k.Home, "Library/Keychains/login.keychain-db")
	}
	return systemKeychain
}

// domain returns the arguments that select trust settings of all users. Those of the
// user are the default.
func (k Keychain) domain() []string {
	if k.Home != "" {
		return nil
	}
	return []string{"-d"}
}

// Install adds the certificates of sources to the keychain and to the record in root.
// After an error it removes the certificates that this run added.
func (k Keychain) Install(ctx context.Context, root *rootfs.Overlay, sources []Source, opt Options) (*Report, error) {
	e, err := openEdit(root, opt, k.detection())
	if err != nil {
		return nil, err
	}
	want := e.note(sources)
	have, err := k.held(ctx)
	if err != nil {
		return nil, err
	}
	var added []*certs.Certificate
	for _, w := range want {
		if have[w.Fingerprint().String()] {
			continue
		}
		if err := k.trust(ctx, w.Certificate); err != nil {
			return nil, errors.Join(err, k.distrustAll(context.WithoutCancel(ctx), added))
		}
		e.record.added(w.Certificate, keychainStore)
		added = append(added, w.Certificate)
	}
	e.report.add(StoreReport{Name: keychainStore, Path: k.path(), Added: len(added), Present: len(want) - len(added), Total: len(have) + len(added)})
	return e.report, e.record.write(root)
}

// Remove takes out of the keychain what Install added, as the function [Remove] does
// for files.
func (k Keychain) Remove(ctx context.Context, root *rootfs.Overlay, selected Selection, opt Options) (*Report, error) {
	e, err := openEdit(root, opt, k.detection())
	if err != nil {
		return nil, err
	}
	if len(e.record.Certificates) == 0 {
		e.tell("this root has no record of certgraft: nothing was installed, or the record was deleted")
		return e.report, nil
	}
	e.forget(selected)
	report := StoreReport{Name: keychainStore, Path: k.path()}
	for _, c := range e.record.Certificates {
		if len(c.Sources) > 0 || !slices.Contains(c.Stores, keychainStore) {
			continue
		}
		if err := k.delete(ctx, c.Fingerprint); err != nil {
			return nil, err
		}
		report.Removed++
	}
	e.record.Certificates = slices.DeleteFunc(e.record.Certificates, func(c recordedCert) bool { return len(c.Sources) == 0 })
	e.report.add(report)
	return e.report, e.record.write(root)
}

func (k Keychain) detection() *Detection {
	return &Detection{ID: "macos", Name: "macOS", Family: keychainStore, Rule: "this is a Mac: its trust is in the keychain"}
}

// held returns the fingerprints of the certificates in the keychain.
func (k Keychain) held(ctx context.Context) (map[string]bool, error) {
	out, err := k.run(ctx, "find-certificate", "-a", "-Z", k.path())
	if err != nil {
		return nil, err
	}
	held := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		if hash, ok := strings.CutPrefix(line, "SHA-256 hash: "); ok {
			held[strings.ToLower(strings.TrimSpace(hash))] = true
		}
	}
	return held, nil
}

// trust adds a certificate as a root. One that is no root is added as trusted itself.
func (k Keychain) trust(ctx context.Context, c *certs.Certificate) error {
	result := "trustRoot"
	if !c.SelfIssued() {
		result = "trustAsRoot"
	}
	return withFile(c, func(file string) error {
		args := slices.Concat([]string{"add-trusted-cert"}, k.domain(), []string{"-r", result, "-k", k.path(), file})
		return k.change(ctx, args...)
	})
}

// distrustAll undoes trust.
func (k Keychain) distrustAll(ctx context.Context, added []*certs.Certificate) error {
	var errs []error
	for _, c := range added {
		errs = append(errs, k.delete(ctx, c.Fingerprint().String()))
	}
	return errors.Join(errs...)
}

// delete removes a certificate and its trust settings.
func (k Keychain) delete(ctx context.Context, fingerprint string) error {
	return k.change(ctx, "delete-certificate", "-Z", strings.ToUpper(fingerprint), "-t", k.path())
}

// change runs the tool, except in a dry run.
func (k Keychain) change(ctx context.Context, args ...string) error {
	if k.DryRun {
		return nil
	}
	_, err := k.run(ctx, args...)
	return err
}

func (k Keychain) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, k.Tool, args...)
	var problem strings.Builder
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err == nil {
		return out, nil
	}
	advice := "run it with sudo, or use --user for the login keychain"
	if k.Home != "" {
		advice = "unlock the login keychain and allow the change when macOS asks"
	}
	return nil, hint.Add(fmt.Errorf("security %s: %w: %s", args[0], err, firstOf([]byte(problem.String()))), advice)
}

// withFile calls use with a temporary file that holds a certificate.
func withFile(c *certs.Certificate, use func(name string) error) error {
	f, err := os.CreateTemp("", "certgraft-*.pem")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() //nolint:forbidigo // a file of our own, in no root
	if _, err := f.Write(c.AppendPEM(nil)); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	return use(f.Name())
}
