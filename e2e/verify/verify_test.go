//go:build e2e

package verify

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/certgraft/certgraft/e2e/rig"
)

// situation is what is wrong with a server, and what is to be said of it.
type situation struct {
	name, made, mode string
	stranger         bool // a client that trusts another CA
	asked            string
	cause            string
	status           int
}

var situations = []situation{
	{name: "trusted", made: "good"},
	{name: "unknown CA", made: "good", stranger: true, cause: "unknown-issuer", status: 5},
	{name: "wrong name", made: "good", asked: "other.test", cause: "wrong-name", status: 5},
	{name: "expired leaf", made: "expired leaf", cause: "expired", status: 5},
	{name: "expired root", made: "expired root", cause: "expired", status: 5},
	{name: "missing intermediate", made: "bare", cause: "missing-intermediate", status: 5},
	{name: "self-signed", made: "self-signed", cause: "self-signed", status: 5},
	{name: "TLS off", made: "good", mode: modeOff, cause: "no-tls", status: 5},
	{name: "TLS 1.0 only", made: "good", mode: modeOld, cause: "tls-too-old", status: 5},
	{name: "client certificate demanded", made: "good", mode: modeClient},
}

// opensslSays is what openssl s_client says where certgraft names a cause:
// X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY and others of <openssl/x509_vfy.h>.
var opensslSays = map[string]string{
	"unknown-issuer": "verify error:num=20:", "missing-intermediate": "verify error:num=20:", "wrong-name": "verify error:num=62:", "expired": "verify error:num=10:",
	"self-signed": "verify error:num=18:", "tls-too-old": "legacy sigalg disallowed|protocol version|unsupported protocol",
}

// psqlSays is what psql says where that is not that it does not verify.
var psqlSays = map[string]string{"": "1 row", "wrong-name": "does not match host name", "no-tls": "does not support SSL", "tls-too-old": "protocol version"}

// asks returns the name that the client wants.
func (x situation) asks() string {
	if x.asked != "" {
		return x.asked
	}
	return "localhost"
}

// verified is the part of the JSON that is looked at.
type verified struct {
	Verdict struct{ Status, Cause, Text, Cure string }
	TLS     struct{ ClientCertificate bool }
	Steps   []struct{ Name, Outcome, Detail string }
	Caveats []string
}

// step returns what is said of a step.
func (v verified) step(name string) string {
	for _, s := range v.Steps {
		if s.Name == name {
			return s.Detail
		}
	}
	return ""
}

// verify runs certgraft verify --json, and checks its exit status against the
// verdict's.
func verify(t *testing.T, status int, args ...string) verified {
	t.Helper()
	return verifyIn(t, nil, status, args...)
}

// verifyIn is verify behind a command that runs another.
func verifyIn(t *testing.T, wrap []string, status int, args ...string) verified {
	t.Helper()
	return verifyAs(t, wrap, rig.Certgraft, status, args...)
}

func verifyAs(t *testing.T, wrap []string, program string, status int, args ...string) verified {
	t.Helper()
	var stdout, stderr bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	line := slices.Concat(wrap, []string{program, "verify", "--json"}, args)
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](cmd.Run()); ok {
		got = exit.ExitCode()
	}
	var v verified
	if err := json.Unmarshal(stdout.Bytes(), &v); err != nil {
		t.Fatalf("verify %s: %v\n%s%s", strings.Join(args, " "), err, &stdout, &stderr)
	}
	if got != status {
		t.Errorf("verify %s: status %d, want %d: %+v", strings.Join(args, " "), got, status, v.Verdict)
	}
	return v
}

func TestVerifyRealServers(t *testing.T) {
	made := materials(t)
	stranger := rig.NewAuthority(t, "Some Other Root").CAFile
	s := newSite(t)
	for _, kind := range servers {
		t.Run(kind.name, func(t *testing.T) {
			s := s
			switch kind.name {
			case "ferretdb":
				rig.Slow(t)
			case "rabbitmq":
				rig.Slow(t)
				s = newBroker(t)
			}
			for _, x := range situations {
				if strings.Contains(kind.lacks, x.name) || x.mode != "" && strings.Contains(kind.lacks, x.mode) {
					continue
				}
				t.Run(x.name, func(t *testing.T) {
					ca := s.serve(t, made[x.made])
					if x.stranger {
						ca = stranger
					}
					port := rig.FreePort(t)
					kind.start(t, s, port, x.mode)
					x.check(t, port, kind.starttls, ca)
					if kind.openssl != "-" && x.mode != modeClient {
						agrees(t, x, port, kind.openssl, ca)
					}
				})
			}
		})
	}
}

// serve puts a certificate where the servers look, and returns its root.
func (s *site) serve(t *testing.T, a rig.Authority) string {
	t.Helper()
	for name, from := range map[string]string{"cert.pem": a.CertFile, "key.pem": a.KeyFile, "ca.pem": a.CAFile} {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		s.configure(t, name, string(data))
	}
	rig.Run(t, "chmod", "0600", filepath.Join(s.root, "srv/t/key.pem"))
	return a.CAFile
}

func (x situation) check(t *testing.T, port int, starttls, ca string) {
	t.Helper()
	v := verify(t, x.status, "--only", "--with", ca, "-4", "--starttls", starttls, "--servername", x.asks(), fmt.Sprintf("localhost:%d", port))
	if v.Verdict.Cause != x.cause {
		t.Errorf("cause is %q, want %q: %s", v.Verdict.Cause, x.cause, v.Verdict.Text)
	}
	if (x.status == 0) != (v.Verdict.Status == "trusted") || x.status != 0 && v.Verdict.Cure == "" {
		t.Errorf("%+v", v.Verdict)
	}
	if x.mode == modeClient && !v.TLS.ClientCertificate {
		t.Errorf("it is not said that the server asks for a certificate: %+v", v.Steps)
	}
}

// agrees compares with openssl s_client, which ends with status 0 only if the
// certificate verifies, for that name.
func agrees(t *testing.T, x situation, port int, starttls, ca string) {
	t.Helper()
	args := []string{"-connect", fmt.Sprintf("127.0.0.1:%d", port), "-verify_return_error", "-no-CApath", "-no-CAstore", "-CAfile", ca, "-verify_hostname", x.asks(), "-servername", x.asks()}
	if starttls != "" {
		args = append(args, "-starttls", starttls)
	}
	if strings.HasPrefix(starttls, "xmpp") {
		args = append(args, "-xmpphost", x.asks())
	}
	patience := time.Minute
	if x.mode == modeOff {
		patience = 10 * time.Second // some servers wait for the rest of what they take for a message
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "openssl", append([]string{"s_client"}, args...)...)
	out, err := cmd.CombinedOutput()
	if (err == nil) != (x.status == 0) {
		t.Errorf("openssl s_client: %v, and certgraft ends with status %d\n%s", err, x.status, out)
	}
	if says := opensslSays[x.cause]; !regexp.MustCompile(says).Match(out) {
		t.Errorf("openssl s_client does not say %q, and certgraft %q\n%s", says, x.cause, out)
	}
}

// TestVerifyMongoWithoutTLS keeps what a server says to the greeting.
func TestVerifyMongoWithoutTLS(t *testing.T) {
	rig.Slow(t)
	s, port := newSite(t), rig.FreePort(t)
	startMongo(t, s, port, modeOff)
	p := newTap(t, port)
	v := verify(t, 5, "--only", "--with", rig.NewAuthority(t, "Root").CAFile, "--timeout", "4s", "--starttls", "mongodb", p.address)
	record(t, "answers/ferretdb", p.last())
	if v.Verdict.Cause != "no-tls" {
		t.Errorf("%+v", v.Verdict)
	}
}

func TestVerifyPostgreSQL(t *testing.T) {
	made := materials(t)
	stranger := rig.NewAuthority(t, "Some Other Root").CAFile
	for _, x := range situations {
		t.Run(x.name, func(t *testing.T) {
			a := made[x.made]
			options := map[string][]string{
				modeOff: {"ssl=off"}, modeOld: {"ssl_min_protocol_version=TLSv1", "ssl_max_protocol_version=TLSv1", "ssl_ciphers=DEFAULT:@SECLEVEL=0"},
				modeClient: {"ssl_ca_file=root.crt"},
			}[x.mode]
			port := rig.Postgres(t, a, options...)
			ca := a.CAFile
			if x.stranger {
				ca = stranger
			}
			x.check(t, port, "postgres", ca)
			if x.mode == modeClient {
				return // psql would be sent away for want of one, whatever it thinks of the server
			}
			agrees(t, x, port, "postgres", ca)
			out, err := rig.Try(t, "psql", fmt.Sprintf("host=%s hostaddr=127.0.0.1 port=%d user=postgres dbname=postgres sslmode=verify-full sslrootcert=%s", x.asks(), port, ca), "-c", "select 1")
			if (err == nil) != (x.status == 0) {
				t.Errorf("psql: %v, and certgraft ends with status %d\n%s", err, x.status, out)
			}
			says, ok := psqlSays[x.cause]
			if !ok {
				says = "certificate verify failed"
			}
			if !strings.Contains(out, says) {
				t.Errorf("psql does not say %q, and certgraft %q\n%s", says, x.cause, out)
			}
		})
	}
}

func TestVerifyServersThatMisbehave(t *testing.T) {
	for name, behave := range map[string]func(net.Conn){
		"hangs":   func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
		"garbage": func(c net.Conn) { _, _ = c.Write([]byte("\x1b]0;garbage\x07\r\n")); _, _ = io.Copy(io.Discard, c) },
		"closes":  func(net.Conn) {},
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { listener.Close() })
		go func() {
			for {
				c, err := listener.Accept()
				if err != nil {
					return
				}
				go func() { behave(c); c.Close() }()
			}
		}()
		patience := "1m" // what is to answer may be slow to
		if name == "hangs" {
			patience = "2s"
		}
		for _, protocol := range []string{"tls", "postgres", "mysql", "smtp", "redis"} {
			v := verify(t, 1, "--only", "--with", rig.NewAuthority(t, "Root").CAFile, "--timeout", patience, "--starttls", protocol, listener.Addr().String())
			if v.Verdict.Cause != name {
				t.Errorf("%s, %s: %+v", name, protocol, v.Verdict)
			}
		}
	}
}

// TestVerifyIsNotTakenInByANameOfRDS has a CA with the name, the key id and
// the dates of a regional root of RDS, and another key.
func TestVerifyIsNotTakenInByANameOfRDS(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rds.pem")
	rig.Run(t, rig.Certgraft, "bundle", "--offline", "--output", file, "aws-rds:eu-west-1")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir() // which trusts somebody else
	bundle := filepath.Join(root, "etc/ssl/certs/ca-certificates.crt")
	rig.Run(t, "mkdir", "-p", filepath.Dir(bundle))
	rig.Write(t, bundle, rig.Read(t, rig.NewAuthority(t, "Other Root").CAFile))
	var none *member
	imitated := 0
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		real, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		imitated++
		fake := none.make(t, "", authorityCert, func(c *x509.Certificate) {
			c.RawSubject, c.SubjectKeyId, c.NotBefore, c.NotAfter = real.RawSubject, real.SubjectKeyId, real.NotBefore, real.NotAfter
		})
		leaf := fake.make(t, "localhost", localhostCert)
		for _, a := range []rig.Authority{leaf.files(t, fake), leaf.files(t, fake, fake)} {
			port := rig.TLSServer(t, a)
			for _, trust := range [][]string{{"--root", root}, {"--only", "--with", file}} {
				v := verify(t, 5, append(trust, fmt.Sprintf("127.0.0.1:%d", port))...)
				if v.Verdict.Cause != "impostor" || strings.Contains(v.Verdict.Cure, "certgraft install") {
					t.Errorf("%s: %+v", real.Subject, v.Verdict)
				}
			}
			if v := verify(t, 0, "--only", "--with", a.CAFile, fmt.Sprintf("127.0.0.1:%d", port)); v.Verdict.Status != "trusted" {
				t.Errorf("%+v", v.Verdict)
			}
		}
	}
	if imitated == 0 {
		t.Fatal("the bundle of eu-west-1 holds nothing")
	}
}

// TestVerifyRoot asks the question of a container: would it trust the server?
func TestVerifyRoot(t *testing.T) {
	root := rig.Debian(t, "trixie")
	corp := rig.NewAuthority(t, "Corp Root")
	address := fmt.Sprintf("localhost:%d", rig.TLSServer(t, corp))
	v := verify(t, 5, "--root", root, "-4", address)
	if v.Verdict.Cause != "unknown-issuer" || !strings.Contains(v.Verdict.Cure, "certgraft install --root "+root) {
		t.Errorf("%+v", v.Verdict)
	}
	rig.Run(t, rig.Certgraft, "install", "--root", root, corp.CAFile)
	v = verify(t, 0, "--root", root, "-4", address)
	if by := v.step("trust"); !strings.Contains(by, "/etc/ssl/certs/ca-certificates.crt, /etc/ssl/certs") {
		t.Errorf("trusted by: %s", by)
	}
	before := rig.Snapshot(t, root)
	verify(t, 0, "--root", root, "-4", address)
	rig.Same(t, "verify changes nothing", before, rig.Snapshot(t, root))
}
