package installer_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
	"github.com/certgraft/certgraft/keystore"
	"github.com/certgraft/certgraft/rootfs"
)

// goldens are the roots that the tools of distributions have left.
var goldens = []string{"bookworm", "trixie", "fedora", "azurelinux", "arch", "suse"}

func distrust(t testing.TB, tree fstest.MapFS, opt installer.Options, unwanted ...installer.Unwanted) (fstest.MapFS, *installer.Report) {
	t.Helper()
	o := rootfs.NewOverlay(tree)
	report, err := installer.Distrust(o, unwanted, opt)
	if err != nil {
		t.Fatal(err)
	}
	return apply(tree, o), report
}

func trustAgain(t testing.TB, tree fstest.MapFS, unwanted ...installer.Unwanted) (fstest.MapFS, *installer.Report) {
	t.Helper()
	o := rootfs.NewOverlay(tree)
	report, err := installer.TrustAgain(o, unwanted, installer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return apply(tree, o), report
}

// files describes a tree without its directories, which MapFS makes up.
func files(t testing.TB, tree fstest.MapFS) map[string]string {
	t.Helper()
	lines := roottest.Dump(t, tree)
	maps.DeleteFunc(lines, func(_, line string) bool { return strings.HasPrefix(line, "d") })
	return lines
}

func unwanted(c *certs.Certificate) installer.Unwanted {
	return installer.Unwanted{Certificate: c.Fingerprint().String(), Name: c.Subject(), Cert: c}
}

// trusted returns every certificate in the stores of a tree.
func trusted(t testing.TB, tree fstest.MapFS) *certs.Set {
	t.Helper()
	found, err := installer.Inspect(tree, time.Now(), installer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return found.Held()
}

// goneFrom fails where any file but those that say so still has a certificate.
func goneFrom(t *testing.T, tree fstest.MapFS, c *certs.Certificate) {
	t.Helper()
	for name, f := range tree {
		if strings.HasPrefix(name, "usr/share/") || strings.Contains(name, "/blocklist/") || name == installer.DistrustPath || name == installer.RecordPath {
			continue // of packages, and what keeps it out
		}
		held, _, _ := certs.ParseAll(f.Data)
		if s, err := keystore.Open(f.Data, keystore.DefaultPassword); err == nil {
			for _, e := range s.Entries() {
				held = append(held, e.Cert)
			}
		}
		if bytes.Contains(f.Data, c.Raw) && len(held) == 0 {
			t.Errorf("%s is in %s", c.Subject(), name)
		}
		if strings.HasSuffix(name, ".trust.crt") {
			continue // which has a word that it is not trusted
		}
		if slices.ContainsFunc(held, func(h *certs.Certificate) bool { return h.Fingerprint() == c.Fingerprint() }) {
			t.Errorf("%s is in %s", c.Subject(), name)
		}
	}
}

// Whatever is distrusted in a root as its distribution's tool leaves it is in no store
// any more, nothing else is missing, and comes back with every byte.
func TestDistrustGolden(t *testing.T) {
	for _, name := range goldens {
		for _, state := range []string{"before", "after"} {
			t.Run(name+" "+state, func(t *testing.T) {
				was := roottest.TreeFile(t, "../testdata/roots/"+name+"."+state+".txtar")
				if state == "after" {
					was, _ = install(t, roottest.TreeFile(t, "../testdata/roots/"+name+".before.txtar"), installer.Options{}, corp(t))
				}
				all := slices.Collect(trusted(t, was).All())
				if len(all) < 3 {
					t.Fatalf("only %d CAs", len(all))
				}
				for i, c := range all {
					some := []*certs.Certificate{c, all[(i+1)%len(all)]}[:1+i%2]
					without(t, was, some...)
				}
				without(t, was, all...)
			})
		}
	}
}

// without distrusts certificates and trusts them again.
func without(t *testing.T, was fstest.MapFS, some ...*certs.Certificate) {
	t.Helper()
	var asked []installer.Unwanted
	for _, c := range some {
		asked = append(asked, unwanted(c))
	}
	now, report := distrust(t, was, installer.Options{}, asked...)
	if len(report.Taken) != len(some) || len(report.Missing) > 0 {
		t.Errorf("%+v taken, %+v missing", report.Taken, report.Missing)
	}
	held := trusted(t, now)
	for c := range trusted(t, was).All() {
		gone := slices.Contains(some, c) || slices.ContainsFunc(some, func(s *certs.Certificate) bool { return s.Fingerprint() == c.Fingerprint() })
		if held.Has(c.Fingerprint()) == gone {
			t.Errorf("%s is trusted: %v", c.Subject(), !gone)
		}
	}
	for _, c := range some {
		goneFrom(t, now, c)
	}
	again, _ := distrust(t, now, installer.Options{}, asked...)
	roottest.Same(t, "the second time", files(t, now), files(t, again))
	for i := range asked { // one by one, in another order
		again, _ = distrust(t, again, installer.Options{}, asked[len(asked)-1-i])
	}
	roottest.Same(t, "one by one", files(t, now), files(t, again))
	back, report := trustAgain(t, now)
	if len(report.Returned) != len(some) {
		t.Errorf("%+v came back", report.Returned)
	}
	roottest.Same(t, "given back", files(t, was), files(t, back))
	if len(some) > 1 {
		part, _ := trustAgain(t, now, asked[1:]...)
		only, _ := distrust(t, was, installer.Options{}, asked[0])
		roottest.Same(t, "but one given back", files(t, only), files(t, part))
	}
}

// On Debian the tool has nothing to do afterwards, and what others did meanwhile stays.
func TestDistrustIsWhatTheToolLeaves(t *testing.T) {
	pool := make([]*roottest.CA, 12)
	for i := range pool {
		pool[i] = roottest.NewCA(t, fmt.Sprint("CA ", i/3)) // three share a name
	}
	for seed := range 30 {
		files, conf := map[string]string{}, ""
		for i, ca := range pool {
			switch (seed*7 + i*i*(seed+3)) % 3 {
			case 0:
				name := fmt.Sprintf("m/%d, x.crt", i)
				conf += name + "\n"
				files["usr/share/ca-certificates/"+name] = ca.PEM()
			case 1:
				files[fmt.Sprintf("usr/local/share/ca-certificates/sub/%d.crt", i)] = ca.PEM()
			}
		}
		files["etc/ca-certificates.conf"] = conf
		was := model(t, debianTree(files))
		more := source(t, "s", pool[seed%12].PEM()+pool[(seed+5)%12].PEM())
		var asked []installer.Unwanted
		for i := range pool {
			if (seed+i)%4 == 0 && i != seed%12 && i != (seed+5)%12 {
				asked = append(asked, unwanted(parse(t, pool[i])))
			}
		}
		now, _ := distrust(t, was, installer.Options{}, asked...)
		roottest.Same(t, fmt.Sprint("seed ", seed), dump(t, model(t, now)), dump(t, now))
		now, _ = install(t, now, installer.Options{}, more)
		roottest.Same(t, fmt.Sprint("installed, seed ", seed), dump(t, model(t, now)), dump(t, now))
		back, _ := trustAgain(t, now)
		shadow, _ := install(t, was, installer.Options{}, more)
		roottest.Same(t, fmt.Sprint("given back, seed ", seed), dump(t, shadow), dump(t, back))
		back, _ = remove(t, back, installer.Selection{All: true}, installer.Options{})
		roottest.Same(t, fmt.Sprint("removed, seed ", seed), dump(t, was), dump(t, back))
		if t.Failed() {
			return
		}
	}
}

func parse(t testing.TB, ca *roottest.CA) *certs.Certificate {
	t.Helper()
	c, err := certs.ParseCertificate(ca.DER)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
