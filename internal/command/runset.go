package command

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/input"
	"github.com/certgraft/certgraft/internal/settings"
	"github.com/certgraft/certgraft/keystore"
	"github.com/certgraft/certgraft/readers"
	"github.com/certgraft/certgraft/rootfs"
)

// runSet returns the CAs that the command must trust. It starts with the CAs of
// the system in root; without any, with the Mozilla roots in this program. It adds
// the files that variables already name, and the sources.
func runSet(ctx context.Context, p *printer, root string, sources []installer.Source) *certs.Set {
	set := &certs.Set{}
	at, err := p.openRoot(ctx, root)
	if err != nil {
		p.warn("the system's CAs are left out: " + err.Error())
	} else {
		defer at.close()
		// A bundle that cannot be read gives the command no CAs either.
		set = at.trusted("system", func(err error) { p.warn("some of the system's CAs are left out: " + err.Error()) })
	}
	if set.Len() == 0 {
		set, _ = certs.MozillaRoots()
		p.note("this system has no CAs: the command trusts the Mozilla roots in this program, and the sources")
	}
	addNamed(ctx, p, set)
	addJava(ctx, p, set)
	if at != nil {
		addConfigured(ctx, p, set, at)
	}
	for _, s := range sources {
		for c := range s.Certs.All() {
			set.Add(c, s.Anchor)
		}
	}
	return set
}

// addNamed adds the certificates in the files that variables name, because the
// command must still trust them.
func addNamed(ctx context.Context, p *printer, set *certs.Set) {
	named := readers.NamedFiles(p.env)
	done := map[string]bool{}
	for _, variable := range slices.Sorted(maps.Keys(named)) {
		name := named[variable]
		if done[name] {
			continue
		}
		done[name] = true
		if err := addFiles(ctx, set, name); err != nil {
			p.warn(fmt.Sprintf("%s names %s, whose certificates are left out: %v", variable, name, err))
		}
	}
}

// addFiles adds the certificates in a file, or in the files of a directory.
func addFiles(ctx context.Context, set *certs.Set, name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return addFile(ctx, set, name)
	}
	entries, err := os.ReadDir(name)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		inner := filepath.Join(name, entry.Name())
		if info, err := os.Stat(inner); err == nil && info.Mode().IsRegular() {
			_ = addFile(ctx, set, inner) // a file without certificates was not trusted before
		}
	}
	return nil
}

func addFile(ctx context.Context, set *certs.Set, name string) error {
	data, err := input.ReadFile(ctx, name)
	if err != nil {
		return err
	}
	taken, _, err := certs.ParseAll(data)
	for _, c := range taken {
		set.Add(c, "environment")
	}
	return err
}

// addJava adds the certificates of the trust stores that options of Java name.
func addJava(ctx context.Context, p *printer, set *certs.Set) {
	for _, variable := range settings.JavaVariables {
		name, password := settings.Java(p.env[variable])
		if name == "" {
			continue
		}
		if err := addKeystore(ctx, set, name, password); err != nil {
			p.warn(fmt.Sprintf("%s names the trust store %s, whose certificates are left out: %v", variable, name, err))
		}
	}
}

// addConfigured adds the certificates that configuration files name. Git, npm and
// pip prefer the variables of the run to these files, and would lose their
// certificates.
func addConfigured(ctx context.Context, p *printer, set *certs.Set, at *place) {
	for _, s := range settings.Find(rootfs.NewOverlay(at.root), p.env) {
		name := filepath.Join(at.name, s.Value)
		var err error
		switch {
		case !filepath.IsAbs(s.Value):
			continue
		case s.Kind == settings.Keystore:
			err = addKeystore(ctx, set, name, s.Password)
		case s.Kind == settings.File || s.Kind == settings.Directory:
			err = addFiles(ctx, set, name)
		}
		if err != nil {
			p.warn(fmt.Sprintf("%s names %s, whose certificates are left out: %v", s, s.Value, err))
		}
	}
}

func addKeystore(ctx context.Context, set *certs.Set, name, password string) error {
	data, err := input.ReadFile(ctx, name)
	if err != nil {
		return err
	}
	passwords := []string{keystore.DefaultPassword}
	if password != "" {
		passwords = []string{password}
	}
	store, err := keystore.Open(data, passwords...)
	if err != nil {
		return err
	}
	for _, entry := range store.Entries() {
		set.Add(entry.Cert, "environment")
	}
	return nil
}

// javaOverrides returns the other variables that name a trust store of Java. It
// appends our options, which win.
func javaOverrides(env environ, options string) map[string]string {
	out := map[string]string{}
	for _, name := range settings.JavaVariables[1:] {
		if store, _ := settings.Java(env[name]); store != "" {
			out[name] = env[name] + " " + options
		}
	}
	return out
}
