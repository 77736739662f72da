package installer

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer/internal/recorded"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/internal/settings"
	"github.com/certgraft/certgraft/keystore"
)

// debianKeystore is the trust store that Debian's hook jks-keystore maintains.
const debianKeystore = "etc/ssl/certs/java/cacerts"

// keystorePaths are the trust stores that distributions make for all their Java
// runtimes.
var keystorePaths = []string{
	debianKeystore, // Debian, Alpine, Wolfi, Arch, distroless
	"etc/pki/ca-trust/extracted/java/cacerts", // Fedora, RHEL
	"etc/pki/java/cacerts",                    // the link to it
	"var/lib/ca-certificates/java-cacerts",    // SUSE
	"etc/ssl/certs/adoptium/cacerts",          // Temurin's packages, distroless
}

// trustFiles are the trust stores of a Java runtime. If jssecacerts exists, Java reads
// it in place of cacerts. In version 8 they are one level deeper.
var trustFiles = []string{"lib/security/cacerts", "lib/security/jssecacerts", "jre/lib/security/cacerts", "jre/lib/security/jssecacerts"}

// javaStore is the trust stores of the Java runtimes in a root, whatever their origin.
// An edit keeps their format and password.
type javaStore struct{}

func (javaStore) name() string { return "java" }

func (javaStore) used(e *edit) bool {
	return !e.opt.Append && (len(e.keystores()) > 0 || len(e.namedKeystores()) > 0)
}

func (s javaStore) install(e *edit, want []wanted) error {
	left := e.leaveKeystores()
	for _, name := range e.keystores() {
		if slices.Contains(left, name) {
			continue
		}
		if !leadsToFile(e.root, name) {
			return hint.Add(fmt.Errorf("/%s is neither a file nor a link to one: Java trusts no server there", name), "repair it, leave Java alone with --stores system, or edit the other stores with --keep-going")
		}
		if err := e.extendFile(s.name(), name, e.keystoreFormat(name), s.readable(e, name, want)); err != nil {
			return err
		}
		e.report.java = e.report.java || leads(e.root, debianKeystore, name)
		if why := e.unread(name); why != "" {
			e.warn("/%s %s", name, why)
		}
	}
	return nil
}

// unread returns why Java, as it is started, reads nothing from a trust store: the file
// is encrypted, and no option has the password. It returns "" if Java reads it.
func (e *edit) unread(name string) string {
	data, err := e.root.Content(name)
	if err == nil {
		_, err = keystore.WithoutPassword(data)
	}
	if !errors.Is(err, keystore.ErrPassword) || e.optionsHavePassword() {
		return ""
	}
	return "is encrypted: Java loads nothing from it without a password, and trusts no server; give it -Djavax.net.ssl.trustStorePassword=…, or replace the file by what keytool -importkeystore -srckeystore FILE -destkeystore NEW -deststoretype JKS writes"
}

func (e *edit) optionsHavePassword() bool {
	for _, options := range e.opt.Environ {
		if _, password := settings.Java(options); password != "" {
			return true
		}
	}
	return slices.ContainsFunc(e.namedKeystores(), func(n namer) bool { return n.password != "" })
}

// leaveKeystores warns of trust stores that an option names and that cannot be edited,
// and returns their paths.
func (e *edit) leaveKeystores() (left []string) {
	own := e.ownKeystores()
	for _, n := range e.namedKeystores() {
		real, err := e.root.Resolve(n.path)
		switch {
		case !path.IsAbs(n.path):
			e.warn("%s names the trust store %s, which depends on the directory in which Java starts and was left unchanged: Java does not see the installed CAs; let it name the file by its whole path", n.by, n.path)
		case err != nil || !exists(e.root, real):
			e.warn("%s names the trust store %s, which is not there: Java trusts no server by it", n.by, n.path)
		case slices.Contains(own, real) || slices.Contains(left, real):
		default:
			do := "give its password with --java-password-file FILE, or have it name another"
			_, err := e.openKeystore(real)
			if err == nil {
				err, do = cause(e.root.Writable(real)), "have it name another"
			}
			if err != nil {
				left = append(left, real)
				e.warn("%s names the trust store %s, which was left unchanged, so Java does not see the installed CAs: %v; %s", n.by, n.path, err, do)
			}
		}
	}
	return left
}

func (e *edit) openKeystore(name string) (keystore.Store, error) {
	data, err := e.root.Content(name)
	if err != nil {
		return nil, err
	}
	return keystore.Open(data, e.passwords()...)
}

// readable returns the certificates for a trust store. Where p11-kit makes the store,
// it returns those that p11-kit would take. It leaves out certificates that keep Java
// from reading the whole store.
func (s javaStore) readable(e *edit, name string, want []wanted) []wanted {
	if e.extracted(name) {
		want = purposed(want, serverAuth)
	}
	return slices.DeleteFunc(slices.Clone(want), func(w wanted) bool {
		if w.EmptySubject() {
			e.warn("the certificate %s… has no subject, which Java cannot read: it was left out of /%s", w.Fingerprint().String()[:16], name)
		}
		return w.EmptySubject()
	})
}

func (s javaStore) remove(e *edit, gone map[certs.Fingerprint]bool) error {
	recorded := e.record.files(s.name())
	for _, name := range keystorePaths { // the tool may have made it from our anchors
		real, err := e.root.Resolve(name)
		if err == nil && leadsToFile(e.root, real) && !slices.Contains(recorded, real) && e.sources(real) != nil {
			recorded = append(recorded, real)
		}
	}
	for _, name := range recorded {
		e.report.java = e.report.java || leads(e.root, debianKeystore, name)
		w := e.withdrawal(name, gone)
		if why := e.sources(name); why != nil {
			w.of(why)
		}
		if err := e.shrink(s.name(), e.keystoreFormat(name), w); err != nil && (len(w.ours) > 0 || e.record.knows(s.name())) {
			return err
		}
	}
	return e.removeCreated(s.name())
}

// sources returns the certificates that explain a trust store that a tool makes, or nil
// for another store.
func (e *edit) sources(name string) explanation {
	family := e.report.Detection.Family
	switch {
	case family == debian.id && leads(e.root, debianKeystore, name):
		return e.explained
	case e.extracted(name):
		return e.explained
	}
	return nil
}

// keystores returns the Java trust stores of the root, each real file once, and links
// to one that lead nowhere.
func (e *edit) keystores() []string {
	found := e.ownKeystores()
	for _, n := range e.namedKeystores() {
		if real, err := e.root.Resolve(n.path); err == nil && path.IsAbs(n.path) && exists(e.root, real) && !slices.Contains(found, real) {
			found = append(found, real)
		}
	}
	return found
}

// namedKeystores returns the trust stores that Java options in any variable of the
// environment name, and those in Gradle's configuration.
func (e *edit) namedKeystores() []namer {
	var all []namer
	for _, by := range slices.Sorted(maps.Keys(e.opt.Environ)) {
		if name, password := settings.Java(e.opt.Environ[by]); name != "" {
			all = append(all, namer{by: by, path: name, password: password})
		}
	}
	for _, set := range e.settings() {
		if set.Kind == settings.Keystore {
			all = append(all, namer{by: set.String(), path: set.Value, password: set.Password})
		}
	}
	return all
}

// ownKeystores returns the trust stores that Java runtimes read without an option.
func (e *edit) ownKeystores() []string {
	var found []string
	add := func(name string) {
		real, err := e.root.Resolve(name)
		switch {
		case err != nil || !isThere(e.root, name):
			return
		case !exists(e.root, real):
			real = name
		}
		if !slices.Contains(found, real) {
			found = append(found, real)
		}
	}
	for _, name := range keystorePaths {
		add(name)
	}
	for _, home := range e.search().JavaHomes() {
		for _, file := range trustFiles {
			add(path.Join(home, file))
		}
	}
	return found
}

// extracted reports whether trust extract makes a trust store.
func (e *edit) extracted(name string) bool {
	switch e.report.Detection.Family {
	case "p11-kit", "suse", "arch", alpine.id:
		return slices.ContainsFunc(keystorePaths, func(p string) bool { return leads(e.root, p, name) })
	}
	return false
}

// keystoreFormat returns the format of a trust store. New aliases are as the store's
// own tool would choose them.
func (e *edit) keystoreFormat(name string) format {
	alias := func(w wanted) string { return strings.TrimSuffix(certs.FileName(w.anchor, w.Certificate, 8), ".crt") }
	switch {
	case e.extracted(name):
		alias = func(w wanted) string { return p11Alias(w.Certificate) }
	case e.family(debian.id) && leads(e.root, debianKeystore, name):
		plain := alias
		alias = func(w wanted) string { return "debian:" + plain(w) + ".pem" }
	}
	return format{"Java trust store", func(e *edit, _, name string, data []byte) (content, error) {
		s, err := keystore.Open(data, e.passwords()...)
		if err != nil {
			return nil, explainKeystore(err)
		}
		return &keystoreFile{Store: s, record: e.record, name: name, was: data, alias: alias}, nil
	}}
}

// passwords returns the passwords to try.
func (e *edit) passwords() []string {
	var all []string
	if e.opt.JavaPassword != "" {
		all = append(all, e.opt.JavaPassword)
	}
	for _, n := range e.namedKeystores() {
		if n.password != "" && !slices.Contains(all, n.password) {
			all = append(all, n.password)
		}
	}
	return append(all, keystore.DefaultPassword)
}

func explainKeystore(err error) error {
	if errors.Is(err, keystore.ErrPassword) {
		return hint.Add(err, "give its password with --java-password-file FILE; leave Java alone with --stores system, or edit the other stores with --keep-going")
	}
	return err
}

// p11Alias returns the alias that trust extract gives a certificate in a JKS store: its
// label in lower case, without white space and characters outside ASCII.
func p11Alias(c *certs.Certificate) string {
	if pemfile.Label(c) == "" {
		return "unlabeled"
	}
	return strings.Map(func(r rune) rune {
		switch {
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A' // only ASCII letters: the lower case of some others is ASCII
		case r <= ' ' || r >= 0x7f:
			return -1
		}
		return r
	}, pemfile.Label(c))
}

// keystoreFile is an opened trust store.
type keystoreFile struct {
	keystore.Store
	record  *record
	name    string
	was     []byte
	changed bool
	alias   func(w wanted) string
}

func (k *keystoreFile) held() *certs.Set { return certificatesOf(k.Store) }

// add appends an entry with the date of the certificate, so that the bytes are the same
// on any day.
func (k *keystoreFile) add(w wanted) error {
	k.changed = true
	if err := k.Add(keystore.Entry{Alias: k.alias(w), Created: w.NotBefore(), Cert: w.Certificate}); err != nil {
		return k.named(err)
	}
	entries := k.Entries()
	for _, e := range slices.Backward(entries) {
		if e.Cert.Fingerprint() == w.Fingerprint() {
			k.record.file(k.name).Put(recorded.Place{Fingerprint: w.Fingerprint().String(), Alias: e.Alias})
			break
		}
	}
	return nil
}

// drop deletes the entries that this program, or the tool from our anchors, made.
func (k *keystoreFile) drop(w *withdrawal) error {
	return k.named(k.Remove(func(e keystore.Entry) bool {
		f := e.Cert.Fingerprint()
		why, explained := w.why[f]
		switch {
		case !w.gone[f]:
			return false
		case explained:
			w.stay(f, why)
			return false
		case !k.isOurs(w, e):
			w.stay(f, "the entry "+e.Alias+" of /"+k.name+" is someone else's")
			return false
		}
		k.changed = true
		return true
	}))
}

// isOurs reports whether this program, or the tool from our anchors, made an entry. The
// recorded alias tells. Without a record, the alias that the entry would have been
// given tells.
func (k *keystoreFile) isOurs(w *withdrawal, e keystore.Entry) bool {
	f := e.Cert.Fingerprint()
	at, known := w.file.PlaceOf(f)
	switch {
	case known && strings.EqualFold(at.Alias, e.Alias):
		return true
	case !w.made && (known || !w.ours[f]):
		return false
	}
	alias := k.alias(wanted{Certificate: e.Cert})
	if rest, ok := strings.CutPrefix(strings.ToLower(e.Alias), strings.ToLower(alias)); ok && strings.Trim(rest, "-0123456789") == "" {
		return true
	}
	_, named, _ := strings.Cut(e.Alias, "debian:")
	if named == "" {
		named = e.Alias
	}
	return isOurs(named) && strings.Contains(named, f.String()[:8])
}

func (k *keystoreFile) encode() ([]byte, error) {
	if !k.changed {
		return k.was, nil
	}
	data, err := k.Encode()
	return data, k.named(err)
}

// named adds the name of the file to an error.
func (k *keystoreFile) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("/%s: %w", k.name, err)
}

// keystoreHolds returns the certificates that Java trusts through a file, none if it
// cannot read the file.
func (e *edit) keystoreHolds(name string) *certs.Set {
	s, err := e.openKeystore(strings.TrimPrefix(name, "/"))
	if err != nil {
		return &certs.Set{}
	}
	return certificatesOf(s)
}

func certificatesOf(s keystore.Store) *certs.Set {
	set := &certs.Set{}
	for _, entry := range s.Entries() {
		set.Add(entry.Cert, "")
	}
	return set
}
