package pemfile

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/certgraft/certgraft/certs"
)

// Reader reads files of certificates as OpenSSL does (PEM_X509_INFO_read_bio in
// crypto/pem/pem_info.c, over pem_lib.c), the program that loses most over one
// bad block: the whole file. It remembers what it has parsed, since each
// certificate is met many times, and what it has read: bytes that it was given
// must not be changed afterwards. One goroutine at a time may use it, others use
// its [Reader.Helper].
type Reader struct {
	*memory
	text, der []byte // of the block that is being read
}

// memory is what has been met, by several readers at the same time perhaps.
type memory struct {
	mu     sync.Mutex
	parsed map[string]parsed   // by DER
	files  map[stretch]scanned // an anchor is met as itself and behind two links
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
func (m *memory) known(data []byte) (scanned, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.files[stretchOf(data)]
	return f, ok
}

func (m *memory) remember(data []byte, f scanned) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[stretchOf(data)] = f
}

type scanned struct {
	blocks []Block
	err    error
}

type parsed struct {
	cert *certs.Certificate
	err  error
}

// NewReader returns a reader that has met nothing yet.
func NewReader() *Reader {
	return &Reader{memory: &memory{parsed: map[string]parsed{}, files: map[stretch]scanned{}}}
}

// Read returns the blocks of a file. The error is of the block over which
// OpenSSL gives the whole file up. The blocks must not be changed.
func (r *Reader) Read(data []byte) ([]Block, error) {
	known, ok := r.known(data)
	if !ok {
		known.blocks, known.err = r.scan(data, -1)
		r.remember(data, known)
	}
	return known.blocks, known.err
}

// scan reads a file. It stops behind that many certificates, unless most is
// negative.
func (r *Reader) scan(data []byte, most int) ([]Block, error) {
	var found []Block
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
		if b.Cert == nil {
			continue
		}
		if most--; most == 0 {
			return found, nil
		}
	}
}

// Single returns the certificate of a file that holds exactly one item, in the
// sense of openssl rehash: a certificate with its key, or with a list of
// revoked certificates, is one.
func (r *Reader) Single(data []byte) *certs.Certificate {
	known, ok := r.known(data)
	if !ok {
		known.blocks, known.err = r.scan(data, 2) // of a bundle, more is not asked
	}
	var found *certs.Certificate
	for _, b := range known.blocks {
		switch {
		case b.Cert != nil && found != nil:
			return nil
		case b.Cert != nil:
			found = b.Cert
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

// decode reads what the block holds.
func (r *Reader) decode(b *Block, body []byte) error {
	der, err := decodeBase64(r.der[:0], body)
	if err != nil {
		return err
	}
	r.der = der
	switch b.Label {
	case "CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE":
	default:
		return nil
	}
	var first cryptobyte.String
	rest := cryptobyte.String(der)
	if !rest.ReadASN1Element(&first, asn1.SEQUENCE) {
		return errors.New("it is not DER")
	}
	b.trailing = !rest.Empty() && b.Label != "TRUSTED CERTIFICATE" // there it is the trust
	b.Cert, err = r.Parse(first)
	return err
}

// Helper returns a reader that remembers what r does, and the other way round,
// for use at the same time.
func (r *Reader) Helper() *Reader { return &Reader{memory: r.memory} }

// Ahead starts to read files on another processor: those with which parse is
// called, for r to know them when it comes to them. The work is done when wait
// has returned.
func (r *Reader) Ahead() (parse func(data []byte), wait func()) {
	const usual = 512 // anchors: more make the caller wait
	files, done := make(chan []byte, usual), make(chan struct{})
	helper := r.Helper()
	go func() {
		defer close(done)
		for data := range files {
			_, _ = helper.Read(data)
			if c := helper.Single(data); c != nil {
				c.SubjectHash()
			}
		}
	}()
	return func(data []byte) { files <- data }, func() { close(files); <-done }
}

// Know remembers a certificate that is going to be met.
func (m *memory) Know(c *certs.Certificate) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.parsed[string(c.Raw)] = parsed{cert: c}
}

// Parse parses a certificate, unless it was met before.
func (m *memory) Parse(der []byte) (*certs.Certificate, error) {
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
