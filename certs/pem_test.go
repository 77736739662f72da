package certs_test

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"os/exec"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/roottest"
)

func wrap(label string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
}

// item is a text between two good certificates in a file.
type item struct {
	name, data string
	taken      int    // certificates in it that are accepted
	want       string // findings, each "verdict: part of the reason", joined by "; "; "" for none
}

// items returns PEM blocks in all forms that users have.
func items(t *testing.T) []item {
	ca := roottest.NewCA(t, "Item")
	for len(ca.DER)%3 == 0 { // its base64 must end in padding
		ca = roottest.NewCA(t, "Item")
	}
	a, der := ca.PEM(), ca.DER
	lines := strings.SplitAfter(a, "\n")
	first, rest := lines[0], strings.Join(lines[1:], "")
	head, tail := strings.Join(lines[:3], ""), strings.Join(lines[3:], "")
	onOne := func(separator string) string { return strings.ReplaceAll(strings.TrimSpace(a), "\n", separator) + "\n" }
	swap := func(old, new string) string { return strings.Replace(a, old, new, 1) }
	return []item{
		{"as it should be", a, 1, ""},
		{"CRLF", strings.ReplaceAll(a, "\n", "\r\n"), 1, ""},
		{"trailing spaces", strings.ReplaceAll(a, "\n", " \t\n"), 1, ""},
		{"one long line", first + base64.StdEncoding.EncodeToString(der) + "\n-----END CERTIFICATE-----\n", 1, ""},
		{"text around", "# Item\nissuer: x\n" + a + "=====\n", 1, ""},
		{"NUL padding", a + strings.Repeat("\x00", 100) + "\n", 1, "repaired: NUL bytes"},
		{"twice", a + a, 2, ""},

		{"CR only", strings.ReplaceAll(a, "\n", "\r"), 1, "repaired: carriage returns; repaired: carriage returns"},
		{"CR CR LF", strings.ReplaceAll(a, "\n", "\r\r\n"), 1, "repaired: carriage returns"},
		{"CR after END", strings.TrimSpace(a) + "\r", 1, "repaired: carriage returns"},
		{"byte order mark", "\ufeff" + a, 1, "repaired: byte order mark"},
		{"glued", strings.TrimSpace(a), 1, "repaired: stood on the END line"},
		{"text behind END", strings.TrimSpace(a) + " # x\n", 1, "repaired: behind its END"},
		{"two END lines in one", strings.TrimSpace(a) + "-----END CERTIFICATE-----\n", 1, "repaired: behind its END"},
		{"text before BEGIN", "ca: " + a, 1, "repaired: start a line"},
		{"indented", "    " + strings.ReplaceAll(strings.TrimSpace(a), "\n", "\n    ") + "\n", 1, "repaired: indented"},
		{"body indented", head + " " + tail, 1, "repaired: indented"},
		{"END indented", swap("-----END", " -----END"), 1, "repaired: indented"},
		{"spaces in base64", head + lines[3][:9] + " " + lines[3][9:] + strings.Join(lines[4:], ""), 1, "repaired: spaces"},
		{"no-break space", head + "\u00a0" + tail, 1, "repaired: invisible"},
		{"zero-width space", head + "\u200b" + tail, 1, "repaired: invisible"},
		{"vertical tab", head + "\v" + tail, 1, "repaired: invisible"},
		{"all on one line", onOne(" "), 1, "repaired: one line"},
		{"all on one line, no spaces", onOne(""), 1, "repaired: one line"},
		{`literal \n`, onOne(`\n`), 1, `repaired: two characters \n`},
		{`literal \r\n`, onOne(`\r\n`), 1, `repaired: two characters \n`},
		{"base64 on the BEGIN line", swap("-----\n", "-----"), 1, "repaired: BEGIN line"},
		{"base64 on the END line", swap("\n-----END", "-----END"), 1, "repaired: END did not start"},
		{"blank line first", first + "\n" + rest, 1, "repaired: blank line"},
		{"blank line inside", head + "\n" + tail, 1, "repaired: blank line"},
		{"blank line last", swap("-----END", "\n-----END"), 1, "repaired: blank line"},
		{"header", first + "Proc-Type: 4\n  folded\n\n" + rest, 1, "repaired: header lines"},
		{"header without blank line", first + "Note: x\n" + rest, 1, "repaired: header lines"},
		{"stray bits", swap(lines[len(lines)-3], strayBits(lines[len(lines)-3])), 1, "repaired: stray bits"},
		{"bytes after the DER", wrap("CERTIFICATE", append(bytes.Clone(der), 0)), 1, "repaired: bytes after"},
		{"lower case", strings.NewReplacer("BEGIN CERTIFICATE", "begin certificate", "END CERTIFICATE", "end certificate").Replace(a), 1, "repaired: BEGIN line is in lower case"},
		{"END in lower case", swap("-----END", "-----EnD"), 1, "repaired: END line is in lower case"},
		{"old label", strings.ReplaceAll(a, " CERT", " X509 CERT"), 1, "repaired: X509 CERTIFICATE"},
		{"older label", strings.ReplaceAll(a, " CERT", " X.509 CERT"), 1, "repaired: X.509 CERTIFICATE"},
		{"spaces in the label", swap("BEGIN CERT", "BEGIN  CERT"), 1, "repaired: stray spaces"},
		{"BEGIN with few dashes", a[1:], 1, "repaired: BEGIN line has the wrong number"},
		{"BEGIN with many dashes", "-" + a, 1, "repaired: BEGIN line has the wrong number"},
		{"BEGIN with many dashes behind", swap("TE-----", "TE------"), 1, "repaired: BEGIN line has the wrong number"},
		{"END with few dashes", swap("-----END", "----END"), 1, "repaired: END line has the wrong number"},
		{"END with many dashes behind", strings.TrimSpace(a) + "--\n", 1, "repaired: END line has the wrong number"},
		{"END with no dashes behind", strings.TrimSuffix(a, "-----\n") + "\n", 1, "repaired: no dashes"},
		{"END of another label", swap("END CERT", "END X CERT"), 1, "repaired: another label"},
		{"PKCS#7", wrap("PKCS7", signedData(tlv, der)), 1, ""},
		{"PKCS#7, indented", " " + wrap("PKCS #7 SIGNED DATA", signedData(tlv, der)), 1, "repaired: indented"},
		{"PKCS#7 with an attribute certificate", wrap("PKCS7", signedData(tlv, der, tlv(0xa1, tlv(5)))), 1, "skipped: certificate 2 of the PKCS#7: not a certificate for a key"},
		{"PKCS#7 as certificate", wrap("CERTIFICATE", signedData(tlv, der)), 1, "repaired: PKCS#7"},
		{"DER", string(der) + "\n", 1, "repaired: not as PEM"},
		{"DER without line feed", string(der), 1, "repaired: not as PEM; repaired: start a line"},
		{"UTF-16", utf16le(a)[2:], 1, "repaired: UTF-16; repaired: start a line"},

		{"trusted", wrap("TRUSTED CERTIFICATE", der), 1, "repaired: TRUSTED"},
		{"trusted, with alias", trusted(der, "\x0c\x02me"), 1, "repaired: TRUSTED"},
		{"trusted for servers", trusted(der, "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"), 1, "repaired: trust settings were dropped"},
		{"trusted for anything", trusted(der, "\x30\x06\x06\x04\x55\x1d\x25\x00"), 1, "repaired: trust settings were dropped"},
		{"trusted for mail", trusted(der, "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x04"), 0, "skipped: do not trust it for TLS"},
		{"trusted for nothing", trusted(der, "\x30\x00"), 0, "skipped: do not trust it for TLS"},
		{"distrusted", trusted(der, "\xa0\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"), 0, "skipped: reject it"},
		{"distrusted for mail", trusted(der, "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01\xa0\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x04"), 0, "skipped: reject it"},
		{"damaged trust", wrap("TRUSTED CERTIFICATE", append(bytes.Clone(der), 1, 2)), 0, "skipped: settings are damaged"},
		{"damaged list of trust", trusted(der, "\x30\x02\x05\x00"), 0, "skipped: settings are damaged"},
		{"damaged list of distrust", trusted(der, "\xa0\x02\x05\x00"), 0, "skipped: settings are damaged"},
		{"damaged alias", trusted(der, "\x0c\x05me"), 0, "skipped: settings are damaged"},
		{"damaged and trusted", wrap("TRUSTED CERTIFICATE", der[:99]), 0, "skipped: damaged DER"},

		{"bad base64", first + "@" + rest, 0, "skipped: '@' is not a character"},
		{"bad base64, not ASCII", first + "\u00c4" + rest, 0, "skipped: 'Ä' is not a character"},
		{"comment in it", first + "# soon\n-----END CERTIFICATE-----\n", 0, "skipped: '#' is not a character"},
		{"padding missing", strings.ReplaceAll(a, "=", ""), 0, "skipped: missing or too many"},
		{"a line missing", first + strings.Join(lines[2:], ""), 0, "skipped: damaged"},
		{"empty", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", 0, "skipped: nothing between"},
		{"empty, glued", "-----BEGIN CERTIFICATE----------END CERTIFICATE-----\n", 0, "skipped: nothing between"},
		{"no END", head, 0, "skipped: cut off"},
		{"HTML line with BEGIN", "<p>-----BEGIN CERTIFICATE-----</p>\n", 0, "skipped: cut off"},
		{"BEGIN without dashes behind", "-----BEGIN CERTIFICATE\n", 0, "skipped: damaged BEGIN"},
		{"BEGIN, cut off", "-----BEGIN \n", 0, "skipped: damaged BEGIN"},
		{"END alone", "-----END CERTIFICATE-----\n", 0, ""},
		{"damaged PKCS#7", wrap("PKCS7", []byte("x")), 0, "skipped: damaged PKCS#7"},
		{"bad base64 of PKCS#7", "-----BEGIN PKCS7-----\n@\n-----END PKCS7-----\n", 0, "skipped: '@' is not"},
		{"public key", wrap("PUBLIC KEY", []byte{1}), 0, "skipped: block of PUBLIC KEY"},
		{"request", wrap("CERTIFICATE REQUEST", []byte{1}), 0, "skipped: block of CERTIFICATE REQUEST"},
		{"other, damaged", "-----BEGIN X-----\n@\n-----END X-----\n", 0, "skipped: block of X"},
		{"comment with dashes", "-- BEGIN of notes --\n", 0, ""},
		{"binary data", "\x01\x00\x02\n", 0, "skipped: binary data"},
	}
}

// strayBits sets an unused bit in the last line of base64.
func strayBits(line string) string {
	i := strings.IndexByte(line, '=')
	if i < 0 {
		return line
	}
	return line[:i-1] + string(line[i-1]+1) + line[i:]
}

// trusted returns a TRUSTED CERTIFICATE with these settings.
func trusted(der []byte, settings string) string {
	return wrap("TRUSTED CERTIFICATE", append(bytes.Clone(der), tlv(0x30, []byte(settings))...))
}

func TestParsePEM(t *testing.T) {
	before, after := roottest.NewCA(t, "Before"), roottest.NewCA(t, "After")
	for _, test := range items(t) {
		t.Run(test.name, func(t *testing.T) {
			text := before.PEM() + test.data + after.PEM()
			taken, findings, err := certs.ParseAll([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			checkFindings(t, findings, test.want)
			if len(taken) != 2+test.taken {
				t.Fatalf("took %d, want %d", len(taken), 2+test.taken)
			}
			if !bytes.Equal(taken[0].Raw, before.DER) || !bytes.Equal(taken[len(taken)-1].Raw, after.DER) {
				t.Error("the good certificates are not first and last")
			}
		})
	}
}

// OpenSSL reads each certificate that is accepted without a finding.
func TestParsePEMAgainstOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
	before, after := roottest.NewCA(t, "Before").PEM(), roottest.NewCA(t, "After").PEM()
	for _, test := range items(t) {
		if test.want != "" || test.name == "PKCS#7" {
			continue
		}
		cmd := exec.Command("openssl", "crl2pkcs7", "-nocrl", "-certfile", "/dev/stdin", "-outform", "DER")
		cmd.Stdin = strings.NewReader(before + test.data + after)
		out, err := cmd.Output()
		if read, _, _ := certs.ParseAll(out); err != nil || len(read) != 2+test.taken {
			t.Errorf("%s: openssl reads %d of %d, and nothing was said: %v", test.name, len(read), 2+test.taken, err)
		}
	}
}

// A finding has the right line of its block, with any kind of line end.
func TestFindingPlace(t *testing.T) {
	a := roottest.NewCA(t, "A").PEM()
	bad := "-----BEGIN CERTIFICATE-----\n@\n-----END CERTIFICATE-----\n"
	for _, end := range []string{"\n", "\r\n", "\r"} {
		text := strings.ReplaceAll("# text\n"+a+"\n"+bad+bad, "\n", end)
		_, findings, err := certs.ParseAll([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		last, line := findings[len(findings)-1], strings.Count("# text\n"+a+"\n"+bad, "\n")+1
		if last.Block != 3 || last.Line != line {
			t.Errorf("line ends %q: block %d, line %d, want 3 and %d", end, last.Block, last.Line, line)
		}
	}
}

// In a named part of the input, the place is part of the text.
func TestFindingPlaceInArchive(t *testing.T) {
	_, findings, _ := certs.ParseAll([]byte(zipped(t, map[string]string{"a.pem": "\n\n-----BEGIN \n"})))
	if len(findings) != 1 || findings[0].Line != 0 || findings[0].Block != 0 || findings[0].Error() != "a.pem: line 3: damaged BEGIN line" {
		t.Errorf("findings %v", findings)
	}
	_, findings, _ = certs.ParseAll([]byte("{\n\"ca\":\n\"\\n\\n\\n-----BEGIN \"}"))
	if len(findings) != 1 || findings[0].Error() != "line 3: damaged BEGIN line" {
		t.Errorf("findings %v", findings)
	}
}
