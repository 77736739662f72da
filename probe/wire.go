package probe

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
)

// mostPlain is the limit for data of a server before TLS, 64 KiB.
const mostPlain = 64 << 10

// errTooMuch is the error for a server that exceeds mostPlain.
var errTooMuch = errors.New("it sends more than belongs before TLS")

// conn is a connection with a buffer. It loses no bytes that follow an answer of a
// proxy or a greeting.
type conn struct {
	net.Conn
	r *bufio.Reader
}

func newConn(c net.Conn) *conn { return &conn{Conn: c, r: bufio.NewReader(c)} }

// Read reads through the buffer.
func (c *conn) Read(p []byte) (int, error) { return c.r.Read(p) }

// wire is the conversation before TLS.
type wire struct {
	r    *bufio.Reader
	w    io.Writer
	host string // the host that the client wants

	read int
}

func (c *conn) wire(host string) *wire { return &wire{r: c.r, w: c.Conn, host: host} }

func (w *wire) send(text string) error {
	_, err := io.WriteString(w.w, text)
	return err
}

// ReadByte reads one byte.
func (w *wire) ReadByte() (byte, error) {
	if w.read++; w.read > mostPlain {
		return 0, errTooMuch
	}
	return w.r.ReadByte()
}

// Read reads as [io.Reader] does. Because of ReadByte decoders read only as far as
// they must.
func (w *wire) Read(p []byte) (int, error) {
	if w.read >= mostPlain {
		return 0, errTooMuch
	}
	n, err := w.r.Read(p[:min(len(p), mostPlain-w.read)])
	w.read += n
	return n, err
}

// take reads exactly n bytes.
func (w *wire) take(n int) ([]byte, error) {
	if n < 0 || n > mostPlain {
		return nil, errTooMuch
	}
	b := make([]byte, n)
	_, err := io.ReadFull(w, b)
	return b, err
}

// line reads a line, without its end.
func (w *wire) line() (string, error) {
	const most = 8 << 10
	var text []byte
	for len(text) < most {
		b, err := w.ReadByte()
		switch {
		case err != nil && len(text) > 0 && errors.Is(err, io.EOF):
			return "", nonsense{fmt.Sprintf("it said %s and hung up", quote(string(text)))}
		case err != nil:
			return "", err
		case b == '\n':
			if n := len(text); n > 0 && text[n-1] == '\r' {
				text = text[:n-1]
			}
			return string(text), nil
		}
		text = append(text, b)
	}
	return "", nonsense{fmt.Sprintf("it said %s and no line end", quote(string(text)))}
}
