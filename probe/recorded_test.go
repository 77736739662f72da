package probe

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorded returns the recorded bytes of a program. The end-to-end tests wrote the
// files: go test -tags e2e -run 'TestVerifySQLServer|TDSPool|MongoWithoutTLS'
// ./e2e/verify -update.
func recorded(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	data, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// preloginOptions returns the options of PRELOGIN by their numbers.
func preloginOptions(t *testing.T, body []byte) map[byte][]byte {
	t.Helper()
	options := map[byte][]byte{}
	for at := 0; body[at] != tdsTerminator; at += 5 {
		offset, size := int(body[at+1])<<8|int(body[at+2]), int(body[at+3])<<8|int(body[at+4])
		if offset+size > len(body) {
			t.Fatalf("option %d lies outside: %x", body[at], body)
		}
		options[body[at]] = body[offset : offset+size]
	}
	return options
}

// TestPreloginIsThatOfDrivers compares our message with those of FreeTDS,
// go-mssqldb and tedious.
func TestPreloginIsThatOfDrivers(t *testing.T) {
	var sent bytes.Buffer
	_ = startTDS(&wire{r: bufio.NewReader(strings.NewReader("")), w: &sent})
	head, ours := sent.Bytes()[:8], preloginOptions(t, sent.Bytes()[8:])
	if head[0] != tdsPrelogin || head[1] != 1 || int(head[2])<<8|int(head[3]) != sent.Len() {
		t.Errorf("the packet's head is %x", head)
	}
	files, err := filepath.Glob("testdata/prelogin/*.hex")
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		body := recorded(t, strings.TrimPrefix(file, "testdata/"))
		theirs := preloginOptions(t, body)
		if !bytes.Equal(ours[tdsEncryption], theirs[tdsEncryption]) {
			t.Errorf("%s asks for encryption with %x, and we with %x", file, theirs[tdsEncryption], ours[tdsEncryption])
		}
		for option, value := range ours {
			if len(theirs[option]) != len(value) {
				t.Errorf("%s sends option %d as %x, and we as %x", file, option, theirs[option], value)
			}
		}
		if err := tdsOffers(body); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestRecordedServersWithoutTLS(t *testing.T) {
	tds, mongo := recorded(t, "answers/tdspool.hex"), recorded(t, "answers/ferretdb.hex")
	for protocol, play := range map[string]func(net.Conn){
		"mssql":   func(c net.Conn) { _ = script("", "\x0b\x00\x00\x00\x00\x00\x01", string(tds))(c) },
		"mongodb": func(c net.Conn) { playOnce(c, mongo) },
	} {
		if v := against(t, protocol, play).Verdict; v.Cause != NoTLS {
			t.Errorf("%s: %+v", protocol, v)
		}
	}
}

// playOnce answers a greeting, and hangs up on a handshake.
func playOnce(c net.Conn, answer []byte) {
	r := bufio.NewReader(c)
	if first, err := r.Peek(1); err != nil || first[0] == 0x16 {
		return
	}
	_, _ = r.Discard(r.Buffered())
	_, _ = c.Write(answer)
}
