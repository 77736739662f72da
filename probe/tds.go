package probe

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
)

// Packet types of TDS (MS-TDS, section 2.2.3.1.1).
const (
	tdsReply    = 0x04
	tdsPrelogin = 0x12
)

// Options of PRELOGIN and values of ENCRYPTION (MS-TDS, section 2.2.6.5).
const (
	tdsEncryption   = 1
	tdsTerminator   = 0xff
	tdsNotSupported = 2
)

// startTDS sends PRELOGIN and reads whether the server encrypts. The packets of
// the handshake have the same type, see [tdsConn].
func startTDS(w *wire) error {
	const version, on = 0, 1
	body := []byte{
		version, 0, 11, 0, 6,
		tdsEncryption, 0, 17, 0, 1,
		tdsTerminator,
		11, 0, 0, 0, 0, 0, // the version of no driver
		on,
	}
	if err := w.send(string(tdsPacket(body, 1, true))); err != nil {
		return err
	}
	answer, err := w.take(8)
	if err != nil {
		return err
	}
	size := int(binary.BigEndian.Uint16(answer[2:]))
	if answer[0] != tdsReply || size < 9 {
		return nonsense{fmt.Sprintf("it answers PRELOGIN with %s, which is not SQL Server's", quote(string(answer)))}
	}
	options, err := w.take(size - 8)
	if err != nil {
		return err
	}
	return tdsOffers(options)
}

// tdsOffers looks for ENCRYPTION in the options of the answer to PRELOGIN.
func tdsOffers(options []byte) error {
	for at := 0; at+5 <= len(options) && options[at] != tdsTerminator; at += 5 {
		if options[at] != tdsEncryption {
			continue
		}
		offset := int(binary.BigEndian.Uint16(options[at+1:]))
		if offset >= len(options) {
			return nonsense{"its answer to PRELOGIN is damaged"}
		}
		if options[offset] == tdsNotSupported {
			return withoutTLS{"SQL Server does not support encryption: it answers ENCRYPT_NOT_SUP"}
		}
		return nil
	}
	return nonsense{"its answer to PRELOGIN does not speak of encryption"}
}

func tdsPacket(body []byte, id byte, last bool) []byte {
	packet := []byte{tdsPrelogin, 0, 0, 0, 0, 0, id, 0}
	if last {
		packet[1] = 1
	}
	binary.BigEndian.PutUint16(packet[2:], uint16(8+len(body)))
	return append(packet, body...)
}

func frameTDS(c *conn) net.Conn { return &tdsConn{conn: c} }

// tdsConn carries a TLS handshake in packets of type PRELOGIN.
type tdsConn struct {
	*conn
	left int // bytes left in the current packet
	id   byte
}

// Read reads the contents of packets.
func (c *tdsConn) Read(p []byte) (int, error) {
	for c.left == 0 {
		var head [8]byte
		if _, err := io.ReadFull(c.r, head[:]); err != nil {
			return 0, err
		}
		c.left = int(binary.BigEndian.Uint16(head[2:])) - 8
		if head[0] != tdsPrelogin && head[0] != tdsReply || c.left < 0 {
			return 0, nonsense{fmt.Sprintf("it said %s in the handshake, which is not SQL Server's", quote(string(head[:])))}
		}
	}
	n, err := c.r.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// Write writes packets of at most 4096 bytes, which every server accepts.
func (c *tdsConn) Write(p []byte) (int, error) {
	const most = 4096 - 8
	written := 0
	for len(p) > 0 {
		part := p[:min(len(p), most)]
		p = p[len(part):]
		c.id++
		if _, err := c.Conn.Write(tdsPacket(part, c.id, len(p) == 0)); err != nil {
			return written, err
		}
		written += len(part)
	}
	return written, nil
}
