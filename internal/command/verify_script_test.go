package command_test

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/certgraft/certgraft/internal/roottest"
)

// serve is the command
//
//	server VARIABLE KIND [FILE [NAME]]
//
// of the scripts: it starts a server on loopback, which ends with the script,
// puts its address into the variable, and the CA that it should be trusted by
// into the file; NAME is the CA's. Kinds: tls, postgres, and chain, which sends an intermediate;
// plain, which knows no TLS; garbage; closed, a port that nobody listens on.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: server VARIABLE KIND [FILE [NAME]]")
	}
	t := &failing{ts: ts}
	if args[1] == "closed" {
		ts.Setenv(args[0], roottest.ClosedPort(t))
		return
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { listener.Close() })
	ts.Setenv(args[0], listener.Addr().String())
	name := "Script Root"
	if len(args) > 3 {
		name = args[3]
	}
	ca := roottest.NewCA(t, name)
	issuer := ca
	if args[1] == "chain" {
		issuer = ca.Intermediate(t, "Script Middle")
	}
	leaf := issuer.Issue(t, "db.test", "127.0.0.1")
	if issuer != ca {
		leaf.Certificate = append(leaf.Certificate, issuer.DER)
	}
	if len(args) > 2 {
		ts.Check(writeFile(ts.MkAbs(args[2]), ca.PEM()))
	}
	go accept(listener, args[1], &tls.Config{Certificates: []tls.Certificate{leaf}})
}

// accept serves connections until the listener is closed.
func accept(listener net.Listener, kind string, config *tls.Config) {
	for {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			switch kind {
			case "plain":
				_, _ = io.ReadFull(c, make([]byte, 8))
				_, _ = io.WriteString(c, "N")
			case "garbage":
				_, _ = io.WriteString(c, "\x1b[31mgarbage\r\n")
			case "postgres":
				_, _ = io.ReadFull(c, make([]byte, 8))
				_, _ = io.WriteString(c, "S")
				fallthrough
			default:
				over := tls.Server(c, config)
				_ = over.Handshake() // clients that refuse are the point
				_, _ = io.Copy(io.Discard, over)
			}
		}()
	}
}

// failing is what the makers of certificates report to.
type failing struct {
	testing.TB
	ts *testscript.TestScript
}

func (f *failing) Helper()           {}
func (f *failing) Cleanup(do func()) { f.ts.Defer(do) }
func (f *failing) Fatal(args ...any) { f.ts.Fatalf("%v", args) }

func writeFile(name, text string) error { return os.WriteFile(name, []byte(text), 0o644) }
