package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/readers"
)

const readersHead = `<!-- Made from readers/testdata by go run ./internal/gen. Do not edit. -->
# Readers

A reader is a program or a library that judges certificates. Each has its own places and rules. The tables below
are measured: ` + "`e2e/readers`" + ` runs the real programs of Debian 12 and 13, and runtimes from npm, against servers with one
oddity in their certificates, and records the answers (` + "`readers/testdata/matrix.tsv`" + `). Tests compare certgraft's rules with every cell.

A variable with + adds to a reader's roots; the others replace them. In the lists below, a reader without releases did the same in each release.

| id | reader | measured releases | variables | reads, without a variable |
| --- | --- | --- | --- | --- |
`

// groups are the kinds of cases, with their titles on the page.
var groups = []struct{ id, title, column string }{
	{"chains", "Which certificates are sent, and which are trusted", accepted}, {"names", "Names", accepted}, {"constraints", "Name constraints", accepted},
	{"authority", "Who may issue", accepted}, {"purposes", "Purposes and critical extensions", accepted}, {"dates", "Dates", accepted},
	{"keys", "Keys and digests", accepted}, {"strict", "What RFC 5280 asks for and few check", accepted},
	{"bundle", "A bundle: A, something else, B", "who trusts what"}, {"directory", "A directory: hash links to A and B", "who trusts what"},
	{"java", "Trust stores of Java, with A and B", "who trusts what"}, {"variable", "Variables", "whom that changes, and what they trust then"},
}

const accepted = "accepted by"

// usualPlaces gives names to lists of paths that many readers share.
var usualPlaces = strings.NewReplacer(
	"/etc/ssl/certs/ca-certificates.crt or /etc/pki/tls/certs/ca-bundle.crt or /etc/ssl/ca-bundle.pem or /etc/pki/tls/cacert.pem or /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem or /etc/ssl/cert.pem", "the bundle",
	"/usr/lib/ssl/cert.pem or /etc/pki/tls/cert.pem or /etc/ssl/cert.pem", "OpenSSL's file",
	"/usr/lib/ssl/certs or /etc/pki/tls/certs or /etc/ssl/certs", "OpenSSL's directory",
	"/…/certifi/", "certifi/", "/…/…", "its home", "/root/.postgresql/", "~/.postgresql/",
)

const unreadWords = "The bundle is the first of `/etc/ssl/certs/ca-certificates.crt`, `/etc/pki/tls/certs/ca-bundle.crt`, `/etc/ssl/ca-bundle.pem`, `/etc/pki/tls/cacert.pem`,\n" +
	"`/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem`, `/etc/ssl/cert.pem` that exists; OpenSSL's file and directory are `cert.pem` and `certs` in `/usr/lib/ssl`, `/etc/pki/tls` or\n" +
	"`/etc/ssl`. The places of Debian are measured; the places of other distributions are from the readers' sources. Node, Deno and Bun also have the Mozilla roots\n" +
	"built in.\n\n" +
	"`erlang-https` has `{customize_hostname_check, [{match_fun, public_key:pkix_verify_hostname_match_fun(https)}]}` among its options, and `nss` the CAs in a\n" +
	"database (`certutil -A -t C,,`). wget and git are Debian's, which use GnuTLS; node-debian uses the libssl of its distribution. `rustls` is rustls 0.23 with ring and\n" +
	"rustls-native-certs 0.6. `pgjdbc` has `sslmode=verify-full`; `sslrootcert` names another file than its own. Not run: .NET and Rust with webpki-roots,\n" +
	"which no package has that the tests could use.\n"

const clientsHead = `
## Before and after

How programs treat a server with an unknown CA: before; under ` + "`certgraft run ca.pem -- PROGRAM`" + `; after ` + "`certgraft install ca.pem`" + `, with
the variable of its advice for a program with roots of its own; after ` + "`certgraft remove --all`" + `. The programs are Debian 13's unless the name
says otherwise. ` + "`make e2e`" + ` runs all of them and compares the results with this table (` + "`readers/testdata/clients.tsv`" + `).

| program | before | under ` + "`run`" + ` | after ` + "`install`" + ` | needs | after ` + "`remove`" + ` |
| --- | --- | --- | --- | --- | --- |
`

const clientsTail = `
Neither a file in the root nor a variable reaches programs with a list compiled in (Rust's webpki-roots), unless
they have an option, and programs with NSS databases (` + "`certutil -A`" + `). Browsers need ` + "`--stores auto,browser`" + `. GnuTLS has no variable: under ` + "`run`" + ` wget is told by
` + "`WGETRC`" + ` and git by ` + "`GIT_SSL_CAINFO`" + `, and other programs by an option that names ` + "`$CERTGRAFT_BUNDLE`" + `.
libpq is told by ` + "`PGSSLROOTCERT`" + ` only where ` + "`PGSSLMODE`" + ` is verify-ca or verify-full: with ` + "`sslmode=require`" + ` the variable would make it
check certificates.
`

const othersHead = "These programs have roots of their own too; no run has measured their rules. `install`, `inspect`, `env` and `patch --env` name them; `verify`\n" +
	"does not ask them.\n\n| id | program | variable that names a bundle |\n| --- | --- | --- |\n"

// listed is a case in the list of cases.
type listed struct{ id, about string }

func idsOf(list, group string) (all []listed) {
	for line := range strings.Lines(list) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if len(fields) == 3 && fields[0] == group {
			all = append(all, listed{fields[1], fields[2]})
		}
	}
	return all
}

// readerFiles makes docs/readers.md.
func readerFiles(dir string) (map[string][]byte, error) {
	page, err := readersPage(filepath.Join(dir, "readers/testdata"))
	return map[string][]byte{"docs/readers.md": []byte(page)}, err
}

func readersPage(data string) (string, error) {
	matrix, err := readMatrix(filepath.Join(data, "matrix.tsv"))
	if err != nil {
		return "", err
	}
	stores, err := readMatrix(filepath.Join(data, "stores.tsv"))
	if err != nil {
		return "", err
	}
	list, err := os.ReadFile(filepath.Join(data, "cases.tsv"))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(readersHead)
	for _, r := range readers.All() {
		variables, paths := r.Reads()
		for i := range paths {
			paths[i] = usualPlaces.Replace(paths[i])
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", r.ID, r.Title, strings.Join(matrix.releases(r.ID), ", "), strings.Join(variables, " "), strings.Join(paths, ", "))
	}
	b.WriteString("\n" + unreadWords)
	b.WriteString("\n" + othersHead)
	for _, r := range readers.Unmeasured() {
		if r.Remedy().Variable == nil {
			return "", fmt.Errorf("readers/remedies.go has no variable for %s of readers/others.go", r.ID)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.ID, r.Title, r.Remedy().Variable.Name)
	}
	for _, g := range groups {
		ids := idsOf(string(list), g.id)
		fmt.Fprintf(&b, "\n## %s\n\n| | %s |\n| --- | --- |\n", g.title, g.column)
		for _, c := range ids {
			if matrix.cells[c.id] != nil {
				fmt.Fprintf(&b, "| %s | %s |\n", c.about, matrix.who(c.id))
			} else {
				fmt.Fprintf(&b, "| %s | %s |\n", c.about, stores.without(g.id, ids).trusts(c.id))
			}
		}
	}
	err = writeClients(&b, filepath.Join(data, "clients.tsv"))
	return b.String(), err
}

// writeClients writes the results of programs before and after an install.
func writeClients(b *strings.Builder, name string) error {
	did, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	b.WriteString(clientsHead)
	for i, line := range strings.Split(strings.TrimSpace(string(did)), "\n") {
		cells := strings.Split(line, "\t")
		if len(cells) != 6 {
			return fmt.Errorf("%s: line %d: it has %d columns", name, i+1, len(cells))
		}
		if needs := cells[4]; i > 0 && needs != "" {
			cells[4] = "`" + needs + "`"
		}
		if i > 0 {
			fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
		}
	}
	b.WriteString(clientsTail)
	return nil
}

// matrix is a table of e2e/readers.
type matrix struct {
	columns []string
	cells   map[string]map[string]string
}

func readMatrix(name string) (matrix, error) {
	m := matrix{cells: map[string]map[string]string{}}
	data, err := os.ReadFile(name)
	if err != nil {
		return m, err
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if m.columns == nil {
			m.columns = fields[1:]
			continue
		}
		m.cells[fields[0]] = map[string]string{}
		for i, cell := range fields[1:] {
			m.cells[fields[0]][m.columns[i]] = cell
		}
	}
	return m, nil
}

// releases returns the measured releases of a reader.
func (m matrix) releases(id string) (all []string) {
	for _, c := range m.columns {
		if name, release, _ := strings.Cut(c, "/"); name == id {
			all = append(all, release)
		}
	}
	return all
}

// who names the readers that accept a case: "all", "none", or the shorter of two
// lists.
func (m matrix) who(id string) string {
	accept, refuse := m.split(id, func(cell string) bool { return cell == "ok" })
	switch {
	case len(refuse) == 0:
		return "all"
	case len(accept) == 0:
		return "none"
	case len(refuse) < len(accept):
		return "all but " + strings.Join(refuse, ", ")
	}
	return strings.Join(accept, ", ")
}

// trusts says which readers load A and which load B from a store.
func (m matrix) trusts(id string) string {
	var parts []string
	for _, cell := range []string{"ab", "a", "b", "-"} {
		if all, _ := m.split(id, func(c string) bool { return c == cell }); len(all) > 0 {
			what := map[string]string{"ab": "A and B", "a": "A", "b": "B", "-": "neither"}[cell]
			parts = append(parts, what+": "+strings.Join(all, ", "))
		}
	}
	return strings.Join(parts, " · ")
}

// without removes results that show nothing. In a group about stores these are
// readers that do not read the stores. In the group about variables it is the
// usual result of a reader.
func (m matrix) without(group string, ids []listed) matrix {
	less := matrix{m.columns, map[string]map[string]string{}}
	for _, c := range ids {
		less.cells[c.id] = map[string]string{}
		for _, column := range m.columns {
			cell := m.cells[c.id][column]
			if group == "variable" && cell == m.usual(column, ids) || group != "variable" && group != "java" && m.cells[ids[0].id][column] == "-" && m.usual(column, ids) == "-" {
				continue
			}
			less.cells[c.id][column] = cell
		}
	}
	return less
}

// usual is the result of a reader in most cases.
func (m matrix) usual(column string, ids []listed) string {
	count, best := map[string]int{}, ""
	for _, c := range ids {
		cell := m.cells[c.id][column]
		if count[cell]++; count[cell] > count[best] {
			best = cell
		}
	}
	return best
}

// split divides the measured readers by their result. If releases of a reader
// differ, it names the releases.
func (m matrix) split(id string, is func(cell string) bool) (yes, no []string) {
	for _, r := range readers.All() {
		var each [2][]string // releases with each result
		for _, release := range m.releases(r.ID) {
			switch cell := m.cells[id][r.ID+"/"+release]; {
			case cell == "":
			case is(cell):
				each[0] = append(each[0], release)
			default:
				each[1] = append(each[1], release)
			}
		}
		for i, to := range []*[]string{&yes, &no} {
			switch {
			case len(each[i]) == 0:
			case len(each[1-i]) == 0:
				*to = append(*to, r.ID)
			default:
				*to = append(*to, r.ID+" "+strings.Join(each[i], ", "))
			}
		}
	}
	return slices.Clip(yes), slices.Clip(no)
}
