package command_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// docStub plays a program that a line of the documentation starts.
func docStub(args []string) error {
	switch {
	case args[0] == "jq":
		data, err := io.ReadAll(os.Stdin)
		if err == nil && !json.Valid(data) {
			err = fmt.Errorf("jq: %.200q is not JSON", data)
		}
		return err
	case args[0] == "docker" && args[1] == "save":
		return dockerSave()
	case args[0] == "docker" && args[1] == "load":
		head, err := bufio.NewReader(os.Stdin).Peek(262)
		if err == nil && string(head[257:]) != "ustar" {
			err = fmt.Errorf("docker load: not an archive: %.50q", head)
		}
		if err == nil {
			_, err = io.Copy(io.Discard, os.Stdin)
		}
		return err
	}
	return nil
}

// dockerSave writes an image as docker save does, with certgraft itself.
func dockerSave() error {
	cmd := exec.Command("certgraft", "patch", "oci:"+os.Getenv("CERTGRAFT_DOCS_LAYOUT")+":1", "old.pem", "--tag", "docker-archive:-")
	cmd.Stdout, cmd.Stderr = os.Stdout, io.Discard
	return cmd.Run()
}

var rdsPin = sync.OnceValue(func() string {
	out, err := exec.Command("certgraft", "bundle", "--offline", "--json", "--output", os.DevNull, "aws-rds").Output()
	var result struct{ Sources []struct{ Set string } }
	if err != nil || json.Unmarshal(out, &result) != nil || len(result.Sources) != 1 {
		return "unknown"
	}
	return result.Sources[0].Set
})

// serve is an HTTP proxy that leads to a server for every name. The certificate of
// the server is from the CA of the world. The server also serves a bundle.
func (w *docWorld) serve(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	t.Cleanup(func() { listener.Close() })
	certificate := func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		cert := w.ca.Issue(t, hello.ServerName)
		return &cert, nil
	}
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				w.serveOne(c, &tls.Config{GetCertificate: certificate})
			}()
		}
	}()
	return listener.Addr().String()
}

// greetings play the first message of a server, and its answers.
var greetings = map[string]func(c net.Conn, r *bufio.Reader){
	"5432": func(c net.Conn, r *bufio.Reader) { _, _ = r.Discard(8); _, _ = io.WriteString(c, "S") },
	"3306": func(c net.Conn, r *bufio.Reader) {
		body := "\x0a8.0.0\x00" + strings.Repeat("x", 12) + "\x00" + "\xff\xff" + strings.Repeat("\x00", 16)
		_, _ = io.WriteString(c, string([]byte{byte(len(body)), 0, 0, 0})+body)
		_, _ = r.Discard(36)
	},
	"587": func(c net.Conn, r *bufio.Reader) {
		for _, answer := range []string{"220 mail ESMTP\r\n", "250-mail\r\n250 STARTTLS\r\n", "220 go ahead\r\n"} {
			_, _ = io.WriteString(c, answer)
			if !strings.HasPrefix(answer, "220 go") {
				_, _ = r.ReadString('\n')
			}
		}
	},
}

func (w *docWorld) serveOne(c net.Conn, config *tls.Config) {
	r := bufio.NewReader(c)
	req, err := http.ReadRequest(r)
	if err != nil || req.Method != http.MethodConnect {
		return
	}
	_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
	_, port, _ := net.SplitHostPort(req.Host)
	if greet := greetings[port]; greet != nil {
		greet(c, r)
	}
	over := tls.Server(buffered{c, r}, config)
	inner, err := http.ReadRequest(bufio.NewReader(over))
	if err != nil || inner.Method != http.MethodGet {
		return // verify sends nothing
	}
	pem := w.old.PEM()
	fmt.Fprintf(over, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(pem), pem)
}

// buffered is a connection whose first bytes were already read.
type buffered struct {
	net.Conn
	r *bufio.Reader
}

func (b buffered) Read(p []byte) (int, error) { return b.r.Read(p) }
