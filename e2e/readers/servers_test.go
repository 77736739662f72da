//go:build e2e

package readers

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/certgraft/certgraft/internal/cases"
)

// serve runs a server of a case on loopback until the test ends, and returns its port.
// It speaks HTTPS, and PostgreSQL to whom begins with that.
func serve(t *testing.T, c cases.Chain) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: c.Sent, PrivateKey: c.Key}}}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go answer(conn, config)
		}
	}()
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().(*net.TCPAddr).Port
}

// sslRequest is how a client of PostgreSQL asks for TLS (its manual, "Message
// Formats").
var sslRequest = []byte{0, 0, 0, 8, 4, 210, 22, 47}

// answer serves one connection. A client that refuses ends it, so that errors are no
// news.
func answer(conn net.Conn, config *tls.Config) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	in := bufio.NewReader(conn)
	first, _ := in.Peek(len(sslRequest))
	postgres := bytes.Equal(first, sslRequest)
	if postgres {
		_, _ = in.Discard(len(sslRequest))
		_, _ = conn.Write([]byte("S"))
	}
	secured := tls.Server(buffered{conn, in}, config)
	if secured.Handshake() != nil {
		return
	}
	defer secured.Close()
	if postgres {
		answerPostgres(secured)
		return
	}
	request, err := http.ReadRequest(bufio.NewReader(secured))
	if err != nil {
		return
	}
	body := "hello\n"
	if request.URL.Path == "/repo.git/info/refs" {
		body = "0123456789012345678901234567890123456789\trefs/heads/hello\n"
	}
	response := http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Close: true, ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewBufferString(body)),
	}
	_ = response.Write(secured)
}

// answerPostgres reads the startup message and answers with an error that says hello.
func answerPostgres(conn net.Conn) {
	size := make([]byte, 4)
	if _, err := io.ReadFull(conn, size); err != nil {
		return
	}
	if _, err := io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(size))-4); err != nil {
		return
	}
	const fields = "SFATAL\x00C28000\x00Mhello\x00\x00"
	_, _ = conn.Write(append(binary.BigEndian.AppendUint32([]byte("E"), 4+uint32(len(fields))), fields...))
}

// buffered is a connection of which some is read already.
type buffered struct {
	net.Conn
	in *bufio.Reader
}

func (b buffered) Read(p []byte) (int, error) { return b.in.Read(p) }
