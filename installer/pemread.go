package installer

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/certgraft/certgraft/certs"
)

// reader reads files of certificates as OpenSSL does (PEM_X509_INFO_read_bio in
// crypto/pem/pem_info.c, over pem_lib.c), the reader that loses most over one
// bad block: the whole file. Package certs makes the best of what people have;
// this one finds out what programs make of it. It remembers what it has parsed,
// since each certificate is met many times.
type reader struct {
	*memory
	text, der []byte // of the block that is being read
}

// memory is what has been met, by several readers at the same time perhaps.
type memory struct {
	mu     sync.Mutex
	parsed map[string]parsed // by DER
	files  map[stretch]file  // an anchor is met as itself and behind two links
}

// stretch is a stretch of memory. What a file holds is known by where it is: what
// is read of an overlay stays there and is not changed.
type stretch struct {
	start *byte
	size  int
}

func stretchOf(data []byte) stretch {
	if len(data) == 0 {
		return stretch{}
	}
	return stretch{&data[0], len(data)}
}

// known returns what was remembered of a file.
func (m *memory) known(data []byte) (file, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.files[stretchOf(data)]
	return f, ok
}

func (m *memory) remember(data []byte, f file) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[stretchOf(data)] = f
}

type file struct {
	blocks []block
	err    error
}

type parsed struct {
	cert *certs.Certificate
	err  error
}

func newReader() *reader {
	return &reader{memory: &memory{parsed: map[string]parsed{}, files: map[stretch]file{}}}
}

// block is one PEM block of a file.
type block struct {
	start, end int // of the text from BEGIN to the line feed after END
	label      string
	cert       *certs.Certificate // nil for any other label
	trailing   bool               // bytes follow the certificate: OpenSSL passes over them, GnuTLS and Java fail
}

var (
	errNoEnd   = errors.New("its END line is missing or does not match")
	errHeader  = errors.New("it has header lines or a blank line inside")
	errBase64  = errors.New("its base64 is damaged")
	errNothing = errors.New("there is nothing between BEGIN and END")
)

// read returns the blocks of a file. The error is of the block over which
// OpenSSL gives the whole file up.
func (r *reader) read(data []byte) ([]block, error) {
	known, ok := r.known(data)
	if !ok {
		known.blocks, known.err = r.scan(data, -1)
		r.remember(data, known)
	}
	return slices.Clone(known.blocks), known.err
}

// scan is read for what is met once. It stops behind that many certificates,
// unless most is negative.
func (r *reader) scan(data []byte, most int) ([]block, error) {
	var found []block
	lines := lineReader{data: data, text: r.text}
	defer func() { r.text = lines.text }()
	for {
		b, body, err := lines.block()
		if b == nil {
			return found, nil
		}
		if err == nil {
			err = r.decode(b, body)
		}
		if err != nil {
			return found, fmt.Errorf("line %d: %w", 1+bytes.Count(data[:b.start], []byte("\n")), err)
		}
		found = append(found, *b)
		if b.cert == nil {
			continue
		}
		if most--; most == 0 {
			return found, nil
		}
	}
}

// lineReader reads text line by line.
type lineReader struct {
	data []byte
	at   int
	text []byte // of the block, written over by that of the next
}

// next returns a line without what OpenSSL strips from its end, and where it
// starts. BIO_gets takes lines for strings: what is behind a NUL is not seen, and
// one that begins with a NUL is empty, which is the end of the file.
func (l *lineReader) next() (start int, line []byte, ok bool) {
	if l.at == len(l.data) || l.data[l.at] == 0 {
		return l.at, nil, false
	}
	start, line = l.at, l.data[l.at:]
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i+1]
	}
	l.at += len(line)
	if i := bytes.IndexByte(line, 0); i >= 0 {
		line = line[:i]
	}
	for len(line) > 0 && (line[len(line)-1] <= ' ' || line[len(line)-1] >= 0x80) { // as a signed char, that is less too
		line = line[:len(line)-1]
	}
	return start, line, true
}

// block returns the next block and its base64; nil at the end of the text.
func (l *lineReader) block() (*block, []byte, error) {
	for first := true; ; first = false {
		start, line, ok := l.next()
		if !ok {
			return nil, nil, nil
		}
		if rest, bom := bytes.CutPrefix(line, []byte("\ufeff")); bom && first {
			start, line = start+3, rest
		}
		if label, ok := beginLabel(line); ok {
			body, err := l.body(label)
			return &block{start: start, end: l.at, label: label}, body, err
		}
	}
}

func beginLabel(line []byte) (string, bool) {
	rest, begins := bytes.CutPrefix(line, []byte("-----BEGIN "))
	label, ends := bytes.CutSuffix(rest, []byte("-----"))
	return string(label), begins && ends
}

// body returns what stands before the END line of label. A blank line is
// allowed before all of it, and the lines are then 64 wide but for the last;
// anywhere else what precedes it is taken for headers, which no certificate
// may have.
func (l *lineReader) body(label string) ([]byte, error) {
	body := l.text[:0]
	defer func() { l.text = body }()
	ruled, short := false, false
	for first := true; ; first = false {
		_, line, ok := l.next()
		switch {
		case !ok:
			return nil, errNoEnd
		case bytes.HasPrefix(line, []byte("-----END ")):
			if string(line) != "-----END "+label+"-----" {
				return nil, errNoEnd
			}
			return body, nil
		case len(line) == 0 && first:
			ruled = true
			continue
		case len(line) == 0, bytes.Contains(line, []byte(":")), ruled && (short || len(line) > 64):
			return nil, errHeader
		}
		short = len(line) < 64
		body = append(body, line...)
	}
}

// decode reads what the block holds.
func (r *reader) decode(b *block, body []byte) error {
	der, err := decodeBase64(r.der[:0], body)
	if err != nil {
		return err
	}
	r.der = der
	switch b.label {
	case "CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE":
	default:
		return nil
	}
	var first cryptobyte.String
	rest := cryptobyte.String(der)
	if !rest.ReadASN1Element(&first, asn1.SEQUENCE) {
		return errors.New("it is not DER")
	}
	b.trailing = !rest.Empty() && b.label != "TRUSTED CERTIFICATE" // there it is the trust
	b.cert, err = r.parse(first)
	return err
}

// decodeBase64 is EVP_DecodeUpdate: white space is passed over, a dash ends it.
// It appends to dst.
func decodeBase64(dst, text []byte) ([]byte, error) {
	if i := bytes.IndexByte(text, '-'); i >= 0 {
		text = text[:i]
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, errNothing
	}
	der, err := base64.StdEncoding.AppendDecode(dst, text)
	if err != nil && bytes.ContainsAny(text, " \t\v\f") { // returns the decoder passes over itself
		der, err = base64.StdEncoding.AppendDecode(dst, bytes.Join(bytes.Fields(text), nil))
	}
	if err != nil {
		return nil, errBase64
	}
	return der, nil
}

// helper returns a reader that remembers what r does, and the other way round,
// for use at the same time.
func (r *reader) helper() *reader { return &reader{memory: r.memory} }

// ahead starts to read files on another processor: those with which parse is
// called, for r to know them when it comes to them. The work is done when wait
// has returned.
func (r *reader) ahead() (parse func(data []byte), wait func()) {
	const usual = 512 // anchors: more make the caller wait
	files, done := make(chan []byte, usual), make(chan struct{})
	helper := r.helper()
	go func() {
		defer close(done)
		for data := range files {
			_, _ = helper.read(data)
			if c := helper.single(data); c != nil {
				c.SubjectHash()
			}
		}
	}()
	return func(data []byte) { files <- data }, func() { close(files); <-done }
}

// know remembers a certificate that is going to be met.
func (m *memory) know(c *certs.Certificate) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.parsed[string(c.Raw)] = parsed{cert: c}
}

func (m *memory) parse(der []byte) (*certs.Certificate, error) {
	m.mu.Lock()
	known, ok := m.parsed[string(der)]
	m.mu.Unlock()
	if !ok { // that two do so at once is rare, and no harm
		known.cert, known.err = certs.ParseCertificate(der)
		m.mu.Lock()
		m.parsed[string(der)] = known
		m.mu.Unlock()
	}
	return known.cert, known.err
}

// single returns the certificate of a file that holds exactly one item, in the
// sense of openssl rehash: a certificate with its key, or with a list of
// revoked certificates, is one.
func (r *reader) single(data []byte) *certs.Certificate {
	known, ok := r.known(data)
	if !ok {
		known.blocks, known.err = r.scan(data, 2) // of a bundle, more is not asked
	}
	var found *certs.Certificate
	for _, b := range known.blocks {
		switch {
		case b.cert != nil && found != nil:
			return nil
		case b.cert != nil:
			found = b.cert
		}
	}
	if !ok { // with one certificate or none it was read to its end
		r.remember(data, known)
	}
	if known.err != nil {
		return nil
	}
	return found
}
