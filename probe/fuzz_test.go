package probe

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
)

// fuzzAnswer gives a protocol any answer of a server. The reader must end, read
// within its limit, and return printable text.
func fuzzAnswer(f *testing.F, protocol string) {
	f.Helper()
	for _, d := range dialogues {
		if d.protocol != protocol {
			continue
		}
		for _, parts := range [][]string{d.offers, d.denies} {
			var said strings.Builder
			for i := 0; i < len(parts); i += 2 {
				said.WriteString(parts[i])
			}
			f.Add([]byte(said.String()))
		}
	}
	for _, junk := range []string{"\x1b[31mred\r\n", "220 \x1b]0;x\x07\r\n250 \xff\r\n", "E\x00\x00\x00\x0aM\x1b[1m\x00", "\x06\x00\x00\x00\xff\x00\x00\x1b[m", strings.Repeat("\x1b", 100) + "\r\n"} {
		f.Add([]byte(junk))
	}
	start := protocolNamed(protocol).start
	f.Fuzz(func(t *testing.T, answer []byte) {
		w := &wire{r: bufio.NewReader(bytes.NewReader(answer)), w: io.Discard, host: "db.test"}
		err := start(w)
		if w.read > mostPlain+1 {
			t.Errorf("it read %d bytes", w.read)
		}
		if err == nil && w.read == 0 {
			t.Error("it is content with nothing")
		}
		if err != nil && strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r > '~' && r != '…' }) {
			t.Errorf("not fit to print: %q", err)
		}
	})
}

func FuzzPostgres(f *testing.F)   { fuzzAnswer(f, "postgres") }
func FuzzMySQL(f *testing.F)      { fuzzAnswer(f, "mysql") }
func FuzzMSSQL(f *testing.F)      { fuzzAnswer(f, "mssql") }
func FuzzSMTP(f *testing.F)       { fuzzAnswer(f, "smtp") }
func FuzzIMAP(f *testing.F)       { fuzzAnswer(f, "imap") }
func FuzzPOP3(f *testing.F)       { fuzzAnswer(f, "pop3") }
func FuzzFTP(f *testing.F)        { fuzzAnswer(f, "ftp") }
func FuzzLDAP(f *testing.F)       { fuzzAnswer(f, "ldap") }
func FuzzXMPP(f *testing.F)       { fuzzAnswer(f, "xmpp") }
func FuzzXMPPServer(f *testing.F) { fuzzAnswer(f, "xmpp-server") }
func FuzzNATS(f *testing.F)       { fuzzAnswer(f, "nats") }

// FuzzHello tests the readers of answers to a greeting without TLS.
func FuzzHello(f *testing.F) {
	f.Add([]byte("+PONG\r\n"))
	f.Add([]byte("\x30\x00\x00\x00\x07\x00\x00\x00\x01\x00\x00\x00\xdd\x07\x00\x00"))
	f.Add([]byte("AMQP\x00\x00\x09\x01"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		for _, p := range protocols {
			if p.hello == nil {
				continue
			}
			w := &wire{r: bufio.NewReader(bytes.NewReader(answer)), w: io.Discard}
			if plain, err := p.hello(w); plain && (err != nil || w.read == 0) {
				t.Errorf("%s: plain after %d bytes, %v", p.Name, w.read, err)
			}
		}
	})
}

// FuzzTDSFrames tests the packets of a handshake.
func FuzzTDSFrames(f *testing.F) {
	f.Add(tdsPacket([]byte("\x16\x03\x03"), 1, true))
	f.Fuzz(func(t *testing.T, packets []byte) {
		c := &tdsConn{conn: &conn{r: bufio.NewReader(bytes.NewReader(packets))}}
		got, err := io.ReadAll(c)
		if len(got) > len(packets) {
			t.Errorf("%d bytes out of %d", len(got), len(packets))
		}
		if _, ok := errors.AsType[nonsense](err); err != nil && !ok && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v", err)
		}
	})
}

// Packets preserve their content at every size.
func TestTDSFramesRoundTrip(t *testing.T) {
	for _, size := range []int{1, 4088, 4089, 20000} {
		a, b := net.Pipe()
		data := bytes.Repeat([]byte{7}, size)
		go func() {
			defer a.Close()
			_, _ = (&tdsConn{conn: newConn(a)}).Write(data)
		}()
		if got, err := io.ReadAll(&tdsConn{conn: newConn(b)}); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes: %d, %v", size, len(got), err)
		}
	}
}

// FuzzCertificatesIn looks for certificates in any data of a server.
func FuzzCertificatesIn(f *testing.F) {
	f.Add([]byte("\x16\x03\x03\x00\x0d\x0b\x00\x00\x09\x00\x00\x06\x00\x00\x03abc"))
	f.Fuzz(func(t *testing.T, records []byte) {
		total := 0
		for _, der := range certificatesIn(records) {
			total += len(der)
		}
		if total > len(records) {
			t.Errorf("%d bytes out of %d", total, len(records))
		}
	})
}
