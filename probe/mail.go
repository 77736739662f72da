package probe

import (
	"fmt"
	"strings"
)

// reply reads an answer of SMTP (RFC 5321, section 4.2) or FTP (RFC 959, section
// 4.2). All lines start with one code, and in the last line a space follows the
// code.
func (w *wire) reply(protocol string) (code string, lines []string, err error) {
	for {
		line, err := w.line()
		if err != nil {
			return "", nil, err
		}
		if code == "" {
			if !isCode(line) {
				return "", nil, nonsense{fmt.Sprintf("it said %s, which is not %s", quote(line), protocol)}
			}
			code = line[:3]
		}
		last := strings.HasPrefix(line, code) && (len(line) == 3 || line[3] == ' ')
		if strings.HasPrefix(line, code) && len(line) > 3 {
			line = line[4:]
		}
		lines = append(lines, line)
		if last {
			return code, lines, nil
		}
		if len(lines) > 500 {
			return "", nil, errTooMuch
		}
	}
}

func isCode(line string) bool {
	return len(line) >= 3 && line[0] >= '1' && line[0] <= '5' && line[1] >= '0' && line[1] <= '9' &&
		line[2] >= '0' && line[2] <= '9' && (len(line) == 3 || line[3] == ' ' || line[3] == '-')
}

// startSMTP asks for TLS (RFC 3207).
func startSMTP(w *wire) error {
	code, lines, err := w.reply("SMTP")
	switch {
	case err != nil:
		return err
	case code != "220":
		return nonsense{fmt.Sprintf("the mail server takes no mail: %s %s", code, quote(lines[0]))}
	}
	if err := w.send("EHLO certgraft.invalid\r\n"); err != nil {
		return err
	}
	if code, lines, err = w.reply("SMTP"); err != nil {
		return err
	}
	offered := false
	for _, l := range lines {
		offered = offered || strings.EqualFold(strings.TrimSpace(l), "STARTTLS")
	}
	if code != "250" || !offered {
		return withoutTLS{"the mail server does not offer STARTTLS"}
	}
	if err := w.send("STARTTLS\r\n"); err != nil {
		return err
	}
	if code, lines, err = w.reply("SMTP"); err != nil {
		return err
	}
	if code != "220" {
		return withoutTLS{fmt.Sprintf("the mail server refuses STARTTLS: %s %s", code, quote(lines[0]))}
	}
	return nil
}

// startFTP asks for TLS (RFC 4217).
func startFTP(w *wire) error {
	code, lines, err := w.reply("FTP")
	switch {
	case err != nil:
		return err
	case code != "220":
		return nonsense{fmt.Sprintf("the FTP server takes nobody: %s %s", code, quote(lines[0]))}
	}
	if err := w.send("AUTH TLS\r\n"); err != nil {
		return err
	}
	if code, lines, err = w.reply("FTP"); err != nil {
		return err
	}
	if code != "234" {
		return withoutTLS{fmt.Sprintf("the FTP server refuses AUTH TLS: %s %s", code, quote(lines[0]))}
	}
	return nil
}

// startIMAP asks for TLS (RFC 9051, section 6.2.1).
func startIMAP(w *wire) error {
	greeting, err := w.line()
	switch {
	case err != nil:
		return err
	case strings.HasPrefix(greeting, "* PREAUTH"):
		return withoutTLS{"the IMAP server takes the client for logged in, which rules STARTTLS out"}
	case !strings.HasPrefix(greeting, "* OK"):
		return nonsense{fmt.Sprintf("it said %s, which is not IMAP's greeting", quote(greeting))}
	}
	if err := w.send("a1 STARTTLS\r\n"); err != nil {
		return err
	}
	for {
		line, err := w.line()
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(line, "a1 OK"):
			return nil
		case strings.HasPrefix(line, "a1 "):
			return withoutTLS{"the IMAP server refuses STARTTLS: " + quote(line[3:])}
		case !strings.HasPrefix(line, "* "):
			return nonsense{fmt.Sprintf("it said %s, which is not IMAP", quote(line))}
		}
	}
}

// startPOP3 asks for TLS (RFC 2595, section 4).
func startPOP3(w *wire) error {
	greeting, err := w.line()
	switch {
	case err != nil:
		return err
	case !strings.HasPrefix(greeting, "+OK"):
		return nonsense{fmt.Sprintf("it said %s, which is not POP3's greeting", quote(greeting))}
	}
	if err := w.send("STLS\r\n"); err != nil {
		return err
	}
	answer, err := w.line()
	switch {
	case err != nil:
		return err
	case strings.HasPrefix(answer, "+OK"):
		return nil
	case strings.HasPrefix(answer, "-ERR"):
		return withoutTLS{"the POP3 server refuses STLS: " + quote(answer)}
	}
	return nonsense{fmt.Sprintf("it said %s, which is not POP3", quote(answer))}
}
