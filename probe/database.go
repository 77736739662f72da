package probe

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// startPostgres sends SSLRequest (documentation of PostgreSQL's protocol, "Message
// Flow"). The answer is one byte.
func startPostgres(w *wire) error {
	if err := w.send("\x00\x00\x00\x08\x04\xd2\x16\x2f"); err != nil {
		return err
	}
	answer, err := w.ReadByte()
	switch {
	case err != nil:
		return err
	case answer == 'S':
		return nil
	case answer == 'N':
		return withoutTLS{"PostgreSQL has TLS switched off: it answers N to SSLRequest"}
	case answer == 'E':
		return postgresError(w)
	}
	return nonsense{fmt.Sprintf("it answers %s to SSLRequest: PostgreSQL says S or N", quote(string(answer)))}
}

// postgresError reads the ErrorResponse of a server that is full or shuts down.
// Such a server does not read the request.
func postgresError(w *wire) error {
	head, err := w.take(4)
	if err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(head)
	if size < 4 || size > mostPlain {
		return nonsense{"it answers SSLRequest with a damaged error"}
	}
	body, err := w.take(int(size) - 4)
	if err != nil {
		return err
	}
	for field := range bytes.SplitSeq(body, []byte{0}) {
		if len(field) > 1 && field[0] == 'M' {
			return nonsense{"PostgreSQL takes no connection: " + quote(string(field[1:]))}
		}
	}
	return nonsense{"PostgreSQL takes no connection, and does not say why"}
}

// Capabilities of MySQL's protocol (its documentation, "Capabilities Flags").
const (
	mysqlProtocol41 = 1 << 9
	mysqlSSL        = 1 << 11
	mysqlSecure     = 1 << 15
	mysqlPluginAuth = 1 << 19
)

// startMySQL reads the handshake of MySQL or MariaDB and answers with SSLRequest
// (documentation of MySQL's protocol, "Connection Phase").
func startMySQL(w *wire) error {
	head, err := w.take(4)
	if err != nil {
		return err
	}
	if n := int(head[0]) | int(head[1])<<8 | int(head[2])<<16; n > 4096 || n < 1 || head[3] != 0 {
		return nonsense{fmt.Sprintf("it said %s, which is not MySQL's greeting", quote(string(head)))}
	}
	body, err := w.take(int(head[0]) | int(head[1])<<8)
	if err != nil {
		return err
	}
	if err := mysqlOffers(body); err != nil {
		return err
	}
	request := []byte{32, 0, 0, 1}
	request = binary.LittleEndian.AppendUint32(request, mysqlProtocol41|mysqlSSL|mysqlSecure|mysqlPluginAuth)
	request = binary.LittleEndian.AppendUint32(request, 1<<24)
	request = append(request, 45) // utf8mb4
	return w.send(string(append(request, make([]byte, 23)...)))
}

// mysqlOffers reads Protocol::HandshakeV10.
func mysqlOffers(body []byte) error {
	switch body[0] {
	case 10:
	case 0xff:
		text := body[min(len(body), 3):]
		return nonsense{"the server takes no connection: " + quote(string(text))}
	default:
		return nonsense{fmt.Sprintf("it speaks version %d of MySQL's protocol, not 10", body[0])}
	}
	end := bytes.IndexByte(body, 0)
	const behind = 1 + 4 + 8 + 1 // the NUL, thread, first part of the nonce, filler
	if end < 0 || len(body) < end+behind+2 {
		return nonsense{"its greeting is cut off"}
	}
	if binary.LittleEndian.Uint16(body[end+behind:])&mysqlSSL == 0 {
		return withoutTLS{fmt.Sprintf("the server (%s) does not offer TLS", quote(string(body[1:end])))}
	}
	return nil
}

// helloRedis greets without TLS. A server that wants a password answers too.
func helloRedis(w *wire) (bool, error) {
	if err := w.send("PING\r\n"); err != nil {
		return false, err
	}
	line, err := w.line()
	if err != nil {
		return false, err
	}
	return strings.HasPrefix(line, "+PONG") || strings.HasPrefix(line, "-NOAUTH") || strings.HasPrefix(line, "-DENIED") || strings.HasPrefix(line, "-ERR"), nil
}

// helloAMQP sends the protocol header of AMQP 0-9-1. A broker answers with the
// frame Connection.Start, or with the header of its own version.
func helloAMQP(w *wire) (bool, error) {
	if err := w.send("AMQP\x00\x00\x09\x01"); err != nil {
		return false, err
	}
	head, err := w.take(4)
	if err != nil {
		return false, err
	}
	return string(head) == "AMQP" || bytes.Equal(head[:3], []byte{1, 0, 0}), nil
}

// helloMQTT sends CONNECT of MQTT 3.1.1 without a client name. A broker answers
// with CONNACK, even to refuse.
func helloMQTT(w *wire) (bool, error) {
	if err := w.send("\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00"); err != nil {
		return false, err
	}
	head, err := w.take(2)
	if err != nil {
		return false, err
	}
	return head[0] == 0x20 && head[1] >= 2, nil
}

// helloMongo sends the command hello as OP_MSG, the message of MongoDB with opcode
// 2013.
func helloMongo(w *wire) (bool, error) {
	const message = 2013
	document := "\x10hello\x00\x01\x00\x00\x00\x02$db\x00\x06\x00\x00\x00admin\x00\x00"
	body := binary.LittleEndian.AppendUint32([]byte{0, 0, 0, 0, 0}, uint32(4+len(document)))
	body = append(body, document...)
	head := binary.LittleEndian.AppendUint32(nil, uint32(16+len(body)))
	for _, field := range []uint32{1, 0, message} { // number of the request, number of the answered request, opcode
		head = binary.LittleEndian.AppendUint32(head, field)
	}
	if err := w.send(string(head) + string(body)); err != nil {
		return false, err
	}
	answer, err := w.take(16)
	if err != nil {
		return false, err
	}
	return binary.LittleEndian.Uint32(answer[8:]) == 1 && binary.LittleEndian.Uint32(answer[12:]) == message, nil
}
