//go:build e2e

package verify

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/certgraft/certgraft/e2e/rig"
)

// Packet types and values of ENCRYPTION in TDS (MS-TDS, sections 2.2.3.1.1 and
// 2.2.6.5).
const (
	tdsReply    = 0x04
	tdsLogin    = 0x10
	tdsPrelogin = 0x12

	tdsOn           = 1
	tdsNotSupported = 2
)

// sqlServer plays Microsoft's SQL Server up to the login, which is all that a
// client decides on: there is no package of the real one. That it is played
// well is shown by the drivers that take it for one.
type sqlServer struct {
	port    int
	did     chan clientDid
	serving atomic.Int32 // connections
}

// clientDid is what a client did with the server.
type clientDid struct {
	prelogin []byte // its first packet
	login    bool   // it was content with the server and logged in
}

// startSQLServer serves until the test ends: with TLS inside of TDS, or with
// strict around it.
func startSQLServer(t *testing.T, a rig.Authority, mode string, strict bool) *sqlServer {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(a.CertFile, a.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	// As versions before 2022, which end at TLS 1.2.
	config := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12}
	if mode == modeOld {
		config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
	}
	if mode == modeClient {
		config.ClientAuth = tls.RequireAnyClientCert
	}
	if strict {
		config.NextProtos = []string{"tds/8.0"}
	}
	if strict && mode != modeOld {
		config.MaxVersion = tls.VersionTLS13
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	s := &sqlServer{port: listener.Addr().(*net.TCPAddr).Port, did: make(chan clientDid, 100)}
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			s.serving.Add(1)
			go func() {
				defer s.serving.Add(-1)
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(30 * time.Second))
				s.did <- serveTDS(c, config, mode != modeOff, strict)
			}()
		}
	}()
	return s
}

// serveTDS serves one connection up to the login.
func serveTDS(c net.Conn, config *tls.Config, encrypts, strict bool) (did clientDid) {
	if strict {
		over := tls.Server(c, config)
		if over.Handshake() != nil {
			return did
		}
		c = over
	}
	kind, body, err := readTDS(c)
	if err != nil || kind != tdsPrelogin {
		return did
	}
	did.prelogin = body
	encryption := byte(tdsNotSupported)
	if encrypts {
		encryption = tdsOn
	}
	// VERSION 15.0.2000 and ENCRYPTION.
	answer := []byte{0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff, 15, 0, 0x07, 0xd0, 0, 0, encryption}
	if writeTDS(c, tdsReply, answer) != nil {
		return did
	}
	if encrypts && !strict {
		inside := &tdsHandshake{Conn: c}
		over := tls.Server(inside, config)
		if over.Handshake() != nil {
			return did
		}
		inside.over = true
		c = over
	}
	kind, _, err = readTDS(c)
	did.login = err == nil && kind == tdsLogin
	return did
}

// readTDS reads a message, which may be several packets.
func readTDS(r io.Reader) (kind byte, body []byte, err error) {
	for {
		var head [8]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return 0, nil, err
		}
		part := make([]byte, max(0, int(binary.BigEndian.Uint16(head[2:]))-len(head)))
		if _, err := io.ReadFull(r, part); err != nil {
			return 0, nil, err
		}
		body = append(body, part...)
		if head[1]&1 != 0 { // the last one
			return head[0], body, nil
		}
	}
}

func writeTDS(w io.Writer, kind byte, body []byte) error {
	head := []byte{kind, 1, 0, 0, 0, 0, 1, 0}
	binary.BigEndian.PutUint16(head[2:], uint16(len(head)+len(body)))
	_, err := w.Write(append(head, body...))
	return err
}

// tdsHandshake carries a handshake in packets, and nothing that comes after it.
type tdsHandshake struct {
	net.Conn
	unread bytes.Buffer
	over   bool
}

func (h *tdsHandshake) Read(p []byte) (int, error) {
	if h.unread.Len() == 0 && h.over {
		return h.Conn.Read(p)
	}
	if h.unread.Len() == 0 {
		_, body, err := readTDS(h.Conn)
		if err != nil {
			return 0, err
		}
		h.unread.Write(body)
	}
	return h.unread.Read(p)
}

func (h *tdsHandshake) Write(p []byte) (int, error) {
	if h.over {
		return h.Conn.Write(p)
	}
	return len(p), writeTDS(h.Conn, tdsPrelogin, p)
}

// tdsClient is a driver that people connect to SQL Server with.
type tdsClient struct {
	name    string
	strict  bool   // it can do TLS before TDS
	refuses string // regular expression: what it says of a server that it does not trust
	lenient string // situations in which it goes on and OpenSSL at its level 2 does not
	connect func(t *testing.T, port int, ca, host string, strict bool) string
}

var tdsClients = []tdsClient{
	{"FreeTDS tsql", false, `There was a problem connecting to the server`, modeOld, connectFreeTDS}, // GnuTLS takes TLS 1.0
	{"go-mssqldb", true, `TLS Handshake failed|server does not support encryption`, "", connectGoMSSQL},
	{"tedious", true, `certificate|self-signed|Hostname/IP does not match|protocol version|unsupported protocol`, modeOff, connectTedious}, // it logs in without TLS if there is none, whatever it is told
}

// connectFreeTDS runs tsql, which knows a server by the name that it resolves.
func connectFreeTDS(t *testing.T, port int, ca, host string, _ bool) string {
	t.Helper()
	conf := rig.Write(t, filepath.Join(t.TempDir(), "freetds.conf"), fmt.Sprintf(
		"[srv]\nhost = %s\nport = %d\ntds version = 7.4\nencryption = require\nca file = %s\ncheck certificate hostname = yes\n", host, port, ca))
	args := slices.Concat(withHosts(t, "127.0.0.1 localhost "+host+"\n"), []string{"env", "FREETDSCONF=" + conf, "timeout", "20", "tsql", "-S", "srv", "-U", "sa", "-P", "x"})
	return attempt(t, args...)
}

func connectGoMSSQL(t *testing.T, port int, ca, host string, strict bool) string {
	t.Helper()
	encrypt := map[bool]string{true: "strict", false: "true"}[strict]
	return attempt(t, peer(t, "mssql"), fmt.Sprintf("server=127.0.0.1;port=%d;user id=sa;password=x;encrypt=%s;certificate=%s;hostNameInCertificate=%s;dial timeout=15", port, encrypt, ca, host))
}

const tediousJS = `const { Connection } = require("tedious");
const [port, ca, host, strict] = process.argv.slice(1);
const c = new Connection({ server: "127.0.0.1", authentication: { type: "default", options: { userName: "sa", password: "x" } }, options: {
	port: +port, encrypt: strict === "true" ? "strict" : true, trustServerCertificate: false, serverName: host, connectTimeout: 15000,
	cryptoCredentialsDetails: { ca: require("fs").readFileSync(ca) } } });
c.on("connect", (err) => { console.log(String(err), String(err && err.cause)); process.exit(0); });
c.on("error", () => {});
c.connect();`

func connectTedious(t *testing.T, port int, ca, host string, strict bool) string {
	t.Helper()
	return attempt(t, "env", "NODE_PATH="+filepath.Join(nodeDrivers(t), "node_modules"), "node", "-e", tediousJS, fmt.Sprint(port), ca, host, fmt.Sprint(strict))
}

// attempt runs a command whose exit status is its own business.
func attempt(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.WaitDelay = time.Second
	out, _ := cmd.CombinedOutput()
	return string(out)
}

// TestVerifySQLServer compares with drivers that connect to the same server:
// openssl s_client does not speak TDS.
func TestVerifySQLServer(t *testing.T) {
	rig.Slow(t)
	made := materials(t)
	stranger := rig.NewAuthority(t, "Some Other Root").CAFile
	for _, strict := range []bool{false, true} {
		protocol := map[bool]string{false: "mssql", true: "mssql-strict"}[strict]
		for _, x := range situations {
			if strict && x.mode == modeOff {
				continue // there TLS is not asked for
			}
			t.Run(protocol+"/"+x.name, func(t *testing.T) {
				a := made[x.made]
				ca := a.CAFile
				if x.stranger {
					ca = stranger
				}
				s := startSQLServer(t, a, x.mode, strict)
				x.check(t, s.port, protocol, ca)
				<-s.did
				if x.mode == modeClient {
					return // the drivers have none, and are sent away
				}
				for _, client := range tdsClients {
					if !strict || client.strict {
						client.agrees(t, x, s, ca, strict)
					}
				}
			})
		}
	}
}

// agrees fails if the client does not log in where certgraft says trusted, or
// does where it does not.
func (c tdsClient) agrees(t *testing.T, x situation, s *sqlServer, ca string, strict bool) {
	t.Helper()
	for len(s.did) > 0 {
		<-s.did
	}
	out := c.connect(t, s.port, ca, x.asks(), strict)
	did := clientDid{}
	patience := 30 * time.Second // the client has ended, and its connection may be still to be taken
	for more := true; more; {    // some try again
		select {
		case d := <-s.did:
			did.login = did.login || d.login
			did.prelogin = d.prelogin
			patience = 300 * time.Millisecond
		case <-time.After(patience):
			more = s.serving.Load() > 0
		}
	}
	want := x.status == 0 || x.mode != "" && strings.Contains(c.lenient, x.mode)
	if did.login != want {
		t.Errorf("%s logs in: %v, and certgraft ends with status %d\n%s", c.name, did.login, x.status, out)
	}
	if !want && !regexp.MustCompile(c.refuses).MatchString(out) {
		t.Errorf("%s does not say that it refuses:\n%s", c.name, out)
	}
	if !strict && x.name == "trusted" {
		record(t, "prelogin/"+c.name, did.prelogin)
	}
}

// record keeps what was said for the tests of package probe, with -update.
func record(t *testing.T, name string, said []byte) {
	t.Helper()
	if *rig.Update {
		rig.Write(t, filepath.Join(rig.File("probe/testdata"), strings.ReplaceAll(strings.ToLower(name), " ", "-")+".hex"), fmt.Sprintf("%x\n", said))
	}
}

// TestVerifyTDSPool has a TDS server that others wrote, FreeTDS's pool, which
// has no TLS.
func TestVerifyTDSPool(t *testing.T) {
	dir, port := t.TempDir(), rig.FreePort(t)
	rig.Write(t, filepath.Join(dir, "freetds.conf"), fmt.Sprintf("[back]\nhost = 127.0.0.1\nport = %d\ntds version = 7.4\n", rig.FreePort(t)))
	conf := rig.Write(t, filepath.Join(dir, "pool.conf"), fmt.Sprintf(
		"[global]\n[pool]\nserver = back\nuser = sa\npassword = x\ndatabase = master\nserver user = u\nserver password = p\nport = %d\nmin pool conn = 0\nmax pool conn = 2\n", port))
	cmd := exec.Command("tdspool", "-c", conf, "pool")
	cmd.Env = append(os.Environ(), "FREETDSCONF="+filepath.Join(dir, "freetds.conf"))
	rig.Background(t, cmd, rig.Listens(port))
	tap := newTap(t, port)
	v := verify(t, 5, "--only", "--with", rig.NewAuthority(t, "Root").CAFile, "--starttls", "mssql", tap.address)
	record(t, "answers/tdspool", tap.last())
	if v.Verdict.Cause != "no-tls" || !strings.Contains(v.Verdict.Text, "ENCRYPT_NOT_SUP") {
		t.Errorf("%+v", v.Verdict)
	}
}
