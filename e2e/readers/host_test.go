//go:build e2e

package readers

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/certgraft/certgraft/e2e/rig"
	"github.com/certgraft/certgraft/internal/cases"
)

// hostClient is a program of this machine.
type hostClient struct {
	reader, release, run string
	trust                []string
}

// hostClients are the programs of this machine: those that .ci/run installs, and this
// program's own library. Each has a command that prints its release.
var hostClients = []hostClient{
	{reader: "openssl", release: `openssl version`, run: each(openssl)},
	{reader: "gnutls", release: `gnutls-cli --version`, run: each(gnutls)},
	{reader: "go", release: `echo ` + strings.TrimPrefix(runtime.Version(), "go"), run: `/opt/readers`},
	{reader: "python", release: `python3 --version`, run: `python3 -W ignore /opt/client.py ssl`},
	{reader: "requests", release: `python3 -W ignore -c 'import requests; print(requests.__version__)'`, run: `python3 -W ignore /opt/client.py requests`},
	{reader: "httpx", release: `python3 -W ignore -c 'import httpx; print(httpx.__version__)'`, run: `python3 -W ignore /opt/client.py httpx`},
	{reader: "curl", release: `curl --version`, run: each(curl)},
	{reader: "wget", release: `wget --version`, run: each(wget)},
	{reader: "git", release: `git --version`, run: each(git)},
	{reader: "node-debian", release: `node -p 'process.config.variables.node_shared_openssl ? process.version : ""'`, run: `node /opt/client.js`},
	{reader: "node", release: `node -p 'process.config.variables.node_shared_openssl ? "" : process.version'`, run: `node /opt/client.js`, trust: []string{"NODE_EXTRA_CA_CERTS=" + bundle}},
	{reader: "java", release: `java -version 2>&1`, run: java},
	{reader: "erlang", release: `ls /usr/lib/erlang/releases`, run: `escript /opt/client.escript`},
	{reader: "ruby", release: `ruby --version`, run: `ruby /opt/client.rb`},
	{reader: "php", release: `php --version`, run: `php /opt/client.php`},
	{reader: "libpq", release: `psql --version`, run: each(psql), trust: []string{"PGSSLROOTCERT=" + bundle}},
	{reader: "nss", release: `command -v tstclnt >/dev/null && dpkg-query -W -f '${Version}' libnss3 | sed 's/.*://'`, run: each(nss)},
}

// The programs of this machine do what readers/testdata/matrix.tsv has: each is run against
// every server, and compared with the newest release of it that was measured and is not
// newer. TestMatrix makes roots of two distributions for this; here the machine itself is the
// root, below a layer that is thrown away.
func TestHostMatrix(t *testing.T) {
	chains := cases.Chains(t, time.Now())
	root := hostRoot(t)
	nameHosts(t, root, chains)
	trustAll(t, root, set(t, chains))
	rig.Write(t, root+"/opt/cases.txt", serveAll(t, chains))
	was := readTable(rig.File("readers/testdata/matrix.tsv"))
	for _, c := range hostClients {
		t.Run(c.reader, func(t *testing.T) {
			t.Parallel()
			out, err := tryInside(t, root, "sh", "-c", c.release)
			release := regexp.MustCompile(`\d+(\.\d+)*`).FindString(out)
			if err != nil || release == "" {
				t.Skipf("this machine does not have it: %v\n%s", err, out)
			}
			column := measuredAs(was["plain"], c.reader, release)
			if column == "" {
				t.Skipf("release %s is older than any that was measured", release)
			}
			said := answers(t, client{run: c.run}, root, c.trust...)
			for _, chain := range chains {
				if got := causeOf(said[chain.ID]); said[chain.ID] == "" || got != was[chain.ID][column] {
					t.Errorf("%s: %s says %q (%s), and matrix.tsv has %q of %s", chain.ID, release, said[chain.ID], got, was[chain.ID][column], column)
				}
			}
		})
	}
}

// hostRoot returns a root that shows this machine, and in which everything may be changed:
// what is written goes into memory. The directories in which tests write are empty in it.
func hostRoot(t *testing.T) string {
	t.Helper()
	layer := rig.Mount(t, "-t", "tmpfs", "tmpfs")
	for _, dir := range []string{"work", "upper/dev", "upper/opt", "upper/tmp"} {
		dir = filepath.Join(layer, dir)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Setxattr(dir, "trusted.overlay.opaque", []byte("y"), 0); err != nil {
			t.Fatal(err)
		}
	}
	root := rig.Mount(t, "-t", "overlay", "-o", fmt.Sprintf("lowerdir=/,upperdir=%[1]s/upper,workdir=%[1]s/work", layer), "overlay")
	rig.Run(t, "mknod", "-m", "666", filepath.Join(root, "dev/null"), "c", "1", "3")
	furnish(t, root)
	inside(t, root, "javac", "-d", "/opt", "/opt/Readers.java")
	return root
}

// measuredAs returns the column of the newest release of a reader that was measured and is
// not newer than one; "" if none is.
func measuredAs(cells map[string]string, reader, release string) (column string) {
	for name := range cells {
		id, measured, _ := strings.Cut(name, "/")
		if id == reader && compareReleases(measured, release) <= 0 && (column == "" || compareReleases(measured, column[len(id)+1:]) > 0) {
			column = name
		}
	}
	return column
}

// compareReleases compares by the numbers between the dots, as far as both have some.
func compareReleases(a, b string) int {
	numbers := func(release string) (all []int) {
		for part := range strings.SplitSeq(release, ".") {
			n, _ := strconv.Atoi(part)
			all = append(all, n)
		}
		return all
	}
	x, y := numbers(a), numbers(b)
	shared := min(len(x), len(y))
	return slices.Compare(x[:shared], y[:shared])
}
