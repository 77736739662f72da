package readers

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/keystore"
)

// The formats.
var (
	// wholeFile is a bundle that one damaged block makes unreadable, as for
	// OpenSSL.
	wholeFile = format{name: "whole", pem: true, read: func(l *loading, name string) { l.openSSL(name, true, nil) }}
	// untilDamage is a bundle that is read up to the first damaged block, as for
	// Node.
	untilDamage = format{name: "until", pem: true, read: func(l *loading, name string) { l.openSSL(name, false, nil) }}
	// hashLinks is a directory that OpenSSL reads by the hash of the subject:
	// HASH.0, HASH.1 and so on, up to the first missing number.
	hashLinks = format{name: "hash", read: func(l *loading, dir string) { l.hashed(dir, isHash) }, hash: (*loading).byHash}
	// eitherHash is a directory as BoringSSL reads it. BoringSSL also uses the
	// hash of OpenSSL 0.9.8.
	eitherHash = format{name: "either", read: func(l *loading, dir string) { l.hashed(dir, isEither) }, hash: (*loading).byEither}
	eachBlock  = format{name: "each", pem: true, read: (*loading).eachBlock, passes: func(c *certs.Certificate) bool { return c.Quirk() == "" }}
	gnuTLSFile = format{name: "gnutls", pem: true, read: (*loading).gnuTLSFile}
	erlangFile = format{name: "erlang", pem: true, read: func(l *loading, name string) { l.lines(name, l.erlangBlock) }}
	rustFile   = format{name: "rust", pem: true, read: func(l *loading, name string) { l.lines(name, l.rustBlock) }}
	javaFile   = format{name: "java file", read: (*loading).javaFile}
	javaStore  = format{name: "java", read: (*loading).javaStore}
)

func (l *loading) openSSL(name string, whole bool, want func(*certs.Certificate) bool) {
	data, ok := l.file(name)
	if !ok {
		return
	}
	blocks, err := l.pem.Read(data)
	if err != nil {
		d := Damage{Path: "/" + name, Why: err.Error(), All: whole}
		if _, scanned := fmt.Sscanf(err.Error(), "line %d:", &d.Line); scanned == nil {
			d.Why = d.Why[len(fmt.Sprintf("line %d: ", d.Line)):]
		}
		if l.harm(d); whole {
			return
		}
	}
	read := 0
	for _, b := range blocks {
		if b.Cert != nil && (want == nil || want(b.Cert)) {
			l.add(b.Cert, name)
			read++
		}
	}
	if read == 0 {
		l.harm(Damage{Path: "/" + name, Why: "it holds no certificate that could be found by it", All: true})
	}
}

var hashLink = regexp.MustCompile(`^([0-9a-f]{8})\.(\d+)$`)

func isHash(c *certs.Certificate, hash uint32) bool { return c.SubjectHash() == hash }

func isEither(c *certs.Certificate, hash uint32) bool {
	return c.SubjectHash() == hash || c.SubjectHashOld() == hash
}

// byHash reads the certificates of one name from a directory.
func (l *loading) byHash(dir string, want subject) { l.linksOf(dir, want.hash) }

func (l *loading) byEither(dir string, want subject) {
	l.linksOf(dir, want.hash)
	l.linksOf(dir, want.old)
}

func (l *loading) linksOf(dir string, hash uint32) {
	for n := range mostLinks {
		at := path.Join(dir, fmt.Sprintf("%08x.%d", hash, n))
		if _, err := l.root.Stat(at); err != nil {
			l.behindGap(dir, hash, n)
			return
		}
		l.openSSL(at, true, func(c *certs.Certificate) bool { return isEither(c, hash) })
	}
}

// behindGap notes a link after a missing number. No reader finds such a link.
func (l *loading) behindGap(dir string, hash uint32, missing int) {
	at := path.Join(dir, fmt.Sprintf("%08x.%d", hash, missing+1))
	if _, err := l.root.Stat(at); err == nil {
		l.harm(gapBefore(at, fmt.Sprintf("%08x", hash), missing))
	}
}

func gapBefore(at, hash string, missing int) Damage {
	return Damage{Path: "/" + at, Why: fmt.Sprintf("no link %s.%d stands before it, so that it is not found", hash, missing), All: true}
}

// mostLinks is the limit for certificates of one hash.
const mostLinks = 100

// hashed reads the whole directory.
func (l *loading) hashed(dir string, is func(c *certs.Certificate, hash uint32) bool) {
	entries, err := l.root.ReadDir(dir)
	if err != nil {
		return
	}
	there := map[string]bool{}
	for _, e := range entries {
		there[e.Name()] = true
	}
	for _, e := range entries {
		m := hashLink.FindStringSubmatch(e.Name())
		if m == nil {
			continue
		}
		if n, gap := before(m[1], m[2], there); gap {
			l.harm(gapBefore(path.Join(dir, e.Name()), m[1], n))
			continue
		}
		hash, _ := strconv.ParseUint(m[1], 16, 32)
		l.openSSL(path.Join(dir, e.Name()), true, func(c *certs.Certificate) bool { return is(c, uint32(hash)) })
	}
}

// before returns the first missing number below the number of a link.
func before(hash, number string, there map[string]bool) (missing int, gap bool) {
	n, _ := strconv.Atoi(number)
	for i := range min(n, len(there)) {
		if !there[fmt.Sprintf("%s.%d", hash, i)] {
			return i, true
		}
	}
	return 0, false
}

// plainShelf reads a bundle that every reader reads alike: blocks of certificates
// as tools write them, with text between them. It returns nil for other files.
func (f *files) plainShelf(name string) *shelf {
	s, known := f.plain[name]
	if !known {
		if data, err := f.content(name); err == nil {
			s = f.readPlain(data, name)
		}
		f.plain[name] = s
	}
	return s
}

func (f *files) readPlain(data []byte, name string) *shelf {
	blocks, err := f.pem.Read(data)
	const begin, end = "\n-----BEGIN CERTIFICATE-----\n", "\n-----END CERTIFICATE-----\n"
	begun := bytes.Count(data, []byte(begin))
	if bytes.HasPrefix(data, []byte(begin[1:])) {
		begun++
	}
	if err != nil || begun == 0 || begun != len(blocks) || bytes.Count(data, []byte(end)) != begun ||
		bytes.Contains(data, []byte(begin+"\n")) || bytes.IndexByte(data, '\r') >= 0 || !f.pem.Clean(data) {
		return nil
	}
	s := &shelf{}
	for _, b := range blocks {
		s.held = append(s.held, entry{b.Cert, "/" + name})
	}
	return s
}

// eachBlock reads a bundle as Go's CertPool does. It skips a block that it cannot
// read, and the blocks that are joined to it.
func (l *loading) eachBlock(name string) {
	data, ok := l.file(name)
	if !ok {
		return
	}
	read := 0
	for rest := data; ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		if b.Type != "CERTIFICATE" || len(b.Headers) > 0 {
			continue
		}
		if c, err := l.pem.Parse(b.Bytes); err == nil {
			l.add(c, name)
			read++
		}
	}
	if blocks := bytes.Count(data, []byte("-----BEGIN CERTIFICATE-----")); read < blocks {
		l.harm(Damage{Path: "/" + name, Why: fmt.Sprintf("%d of its %d blocks are not read", blocks-read, blocks)})
	}
}

// gnuTLSFile reads a bundle as GnuTLS does. It finds BEGIN anywhere and skips
// white space in the base64. One block that it cannot decode makes the file
// unreadable.
func (l *loading) gnuTLSFile(name string) {
	data, ok := l.file(name)
	if !ok {
		return
	}
	var all []*certs.Certificate
	const begin = "-----BEGIN CERTIFICATE-----"
	for at := bytes.Index(data, []byte(begin)); at >= 0; {
		der, whole := decoded(data[at+len(begin):])
		if !whole {
			l.harm(Damage{Path: "/" + name, Line: lineOf(data, at), Why: "its base64 is damaged, or does not hold a certificate", All: true})
			return
		}
		if c, err := l.pem.Parse(der); err == nil {
			all = append(all, c)
		}
		next := bytes.Index(data[at+1:], []byte(begin))
		if next < 0 {
			break
		}
		at += 1 + next
	}
	for _, c := range all {
		l.add(c, name)
	}
}

// decoded reads base64 up to the first dash. whole is false if the result is not
// exactly one value of ASN.1.
func decoded(text []byte) (der []byte, whole bool) {
	if i := bytes.IndexByte(text, '-'); i >= 0 {
		text = text[:i]
	}
	der, err := base64.StdEncoding.AppendDecode(nil, bytes.Join(bytes.Fields(text), nil))
	in := cryptobyte.String(der)
	var outer cryptobyte.String
	return der, err == nil && in.ReadASN1(&outer, asn1.SEQUENCE) && in.Empty()
}

func lineOf(data []byte, at int) int { return 1 + bytes.Count(data[:at], []byte("\n")) }

// lines reads a bundle as Erlang and rustls do. A block begins and ends with a
// line. One block that cannot be read makes the file unreadable.
func (l *loading) lines(name string, block func(label string, body []byte) (*certs.Certificate, error)) {
	data, ok := l.file(name)
	if !ok {
		return
	}
	var all []*certs.Certificate
	begun, label, body, n := 0, "", []byte(nil), 0
	for line := range bytes.Lines(data) {
		n++
		switch text := strings.TrimSpace(string(line)); {
		case begun == 0 && bytes.HasPrefix(line, []byte("-----BEGIN ")):
			begun, label, body = n, text, nil
		case begun > 0 && bytes.HasPrefix(line, []byte("-----END ")):
			c, err := block(label, body)
			if err != nil {
				l.harm(Damage{Path: "/" + name, Line: begun, Why: err.Error(), All: true})
				return
			}
			if c != nil {
				all = append(all, c)
			}
			begun = 0
		case begun > 0:
			body = append(body, line...)
		}
	}
	for _, c := range all {
		l.add(c, name)
	}
}

// erlangBlock reads a block as public_key:cacerts_load does. It skips other
// characters in the base64, and returns nil for a block that then is no
// certificate. A block that is not base64 even so is an error. So is a block of
// another kind that public_key knows.
func (l *loading) erlangBlock(label string, body []byte) (*certs.Certificate, error) {
	switch label {
	case "-----BEGIN CERTIFICATE-----", "-----BEGIN TRUSTED CERTIFICATE-----":
	case "-----BEGIN PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----", "-----BEGIN EC PRIVATE KEY-----":
		return nil, errors.New("a private key stands among the certificates")
	default:
		return nil, nil //nolint:nilnil // the block is skipped
	}
	text := strings.Map(func(r rune) rune {
		if r == '+' || r == '/' || r == '=' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' {
			return r
		}
		return -1
	}, string(body))
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("its base64 is damaged")
	}
	c, _ := l.pem.Parse(der) // a block without a certificate is skipped
	return c, nil
}

// rustBlock reads a block as rustls-pemfile does. Its base64 may hold no other
// text except a BEGIN line.
func (l *loading) rustBlock(label string, body []byte) (*certs.Certificate, error) {
	const begin = "-----BEGIN CERTIFICATE-----"
	if label != begin {
		return nil, nil //nolint:nilnil // the block is skipped
	}
	der, err := base64.StdEncoding.AppendDecode(nil, bytes.Join(bytes.Fields(bytes.ReplaceAll(body, []byte(begin), nil)), nil))
	if err != nil {
		return nil, errors.New("its base64 is damaged")
	}
	c, _ := l.pem.Parse(der)
	return c, nil
}

// javaFile reads a bundle as Java's CertificateFactory does: DER, and blocks with
// any label. Dashes at the start of a line must belong to a block. A damaged block
// makes the file unreadable, and so does a certificate without a subject.
func (l *loading) javaFile(name string) {
	data, ok := l.file(name)
	if !ok {
		return
	}
	var all []*certs.Certificate
	for rest := data; ; {
		der, next, err := javaBlock(rest)
		if errors.Is(err, io.EOF) {
			break
		}
		c, failed := l.pem.Parse(der)
		switch {
		case err != nil:
		case failed == nil && c.EmptySubject():
			err = errors.New("a certificate without a subject stands here")
		case failed == nil:
			all = append(all, c)
		case !isCertificate(der):
			err = errors.New("this block does not hold a certificate")
		}
		if err != nil {
			l.harm(Damage{Path: "/" + name, Line: lineOf(data, len(data)-len(rest)), Why: err.Error(), All: true})
			return
		}
		rest = next
	}
	for _, c := range all {
		l.add(c, name)
	}
}

// isCertificate reports whether a value has the shape of a certificate. Java reads
// some that package certs does not.
func isCertificate(der []byte) bool {
	in := cryptobyte.String(der)
	var outer cryptobyte.String
	return in.ReadASN1(&outer, asn1.SEQUENCE) && in.Empty() && outer.PeekASN1Tag(asn1.SEQUENCE)
}

// javaDashes are the dashes that start a block.
var javaDashes = regexp.MustCompile(`(?:^|[\r\n])-----([^\r\n]*)`)

// javaBlock returns the first certificate in a text, and the text after it. It
// returns [io.EOF] if the text has none.
func javaBlock(text []byte) (der, rest []byte, err error) {
	in := cryptobyte.String(text)
	if in.ReadASN1Element((*cryptobyte.String)(&der), asn1.SEQUENCE) {
		return der, in, nil
	}
	at := javaDashes.FindSubmatchIndex(text)
	if at == nil {
		return nil, nil, io.EOF
	}
	label, begun := bytes.CutPrefix(text[at[2]:at[3]], []byte("BEGIN "))
	body, end, _ := bytes.Cut(text[at[3]:], []byte("-"))
	rest, ended := bytes.CutPrefix(end, slices.Concat([]byte("----END "), label))
	if !begun || !ended || len(rest) > 0 && rest[0] != '\r' && rest[0] != '\n' {
		return nil, nil, errors.New("a block does not end with the line that belongs to its first")
	}
	der, err = base64.StdEncoding.AppendDecode(nil, bytes.Join(bytes.Fields(body), nil))
	if err != nil {
		return nil, nil, errors.New("its base64 is damaged")
	}
	return der, bytes.TrimPrefix(bytes.TrimPrefix(rest, []byte("\r")), []byte("\n")), nil
}

// javaStore reads a trust store as Java does, without a password.
func (l *loading) javaStore(name string) { l.keystore(name, keystore.WithoutPassword) }

// javaStoreWith reads a trust store with the password of an option.
func javaStoreWith(password string) format {
	if password == "" {
		return javaStore
	}
	open := func(data []byte) (keystore.Store, error) { return keystore.Open(data, password) }
	return format{name: "java with a password", read: func(l *loading, name string) { l.keystore(name, open) }}
}

func (l *loading) keystore(name string, open func([]byte) (keystore.Store, error)) {
	data, ok := l.file(name)
	if !ok {
		return
	}
	store, err := open(data)
	switch {
	case errors.Is(err, keystore.ErrPassword):
		l.harm(Damage{Path: "/" + name, Why: "it is encrypted with a password, and Java is given none", All: true})
	case err != nil:
		l.harm(Damage{Path: "/" + name, Why: err.Error(), All: true})
	default:
		for _, e := range store.Entries() {
			l.add(e.Cert, name)
		}
	}
}
