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
// crypto/pem/pem_info.c, over pem_lib.c). OpenSSL loses most to one bad block: the
// whole file. A Reader caches parsed certificates and files, because it meets each
// certificate many times. The bytes that it has read must not change afterwards.
// Only one goroutine may use it at a time; others use a [Reader.Helper].
type Reader struct {
	*memory
	text, der []byte // buffers for the current block
}

// memory is the cache of one or several readers, which may run in parallel.
type memory struct {
	mu     sync.Mutex
	parsed map[string]parsed   // by DER
	files  map[stretch]scanned // an anchor is read by its own name and by two links
}

// stretch is a range of memory. It identifies the content of a file, because the
// bytes that an overlay has read stay in place and do not change.
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

// known returns the cached result for a file.
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

// NewReader returns a reader with an empty cache.
func NewReader() *Reader {
	return &Reader{memory: &memory{parsed: map[string]parsed{}, files: map[stretch]scanned{}}}
}

// Read returns the blocks of a file. The error is about the block at which OpenSSL
// gives up the whole file. The blocks must not be changed.
func (r *Reader) Read(data []byte) ([]Block, error) {
	known, ok := r.known(data)
	if !ok {
		known.blocks, known.err = r.scan(data, -1)
		r.remember(data, known)
	}
	return known.blocks, known.err
}

// scan reads a file. It stops after most certificates, unless most is negative.
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

// Single returns the certificate of a file with exactly one item, as openssl
// rehash counts. A certificate with its key, or with a list of revoked
// certificates, is one item.
func (r *Reader) Single(data []byte) *certs.Certificate {
	known, ok := r.known(data)
	if !ok {
		known.blocks, known.err = r.scan(data, 2) // two certificates already answer the question
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
	if !ok { // a file with fewer than two certificates was read to its end
		r.remember(data, known)
	}
	if known.err != nil {
		return nil
	}
	return found
}

// decode reads the content of the block.
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
	b.trailing = !rest.Empty() && b.Label != "TRUSTED CERTIFICATE" // in that format the trust settings follow
	b.Cert, err = r.Parse(first)
	return err
}

// Helper returns a reader with the same cache, for use at the same time.
func (r *Reader) Helper() *Reader { return &Reader{memory: r.memory} }

// Ahead starts to read files on another processor. parse adds a file, so that r
// finds it in its cache. wait returns when all files are read.
func (r *Reader) Ahead() (parse func(data []byte), wait func()) {
	const usual = 512 // number of anchors; after more the caller waits
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

// Know adds a certificate to the cache before it is met.
func (m *memory) Know(c *certs.Certificate) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.parsed[string(c.Raw)] = parsed{cert: c}
}

// Parse parses a certificate, unless it is in the cache.
func (m *memory) Parse(der []byte) (*certs.Certificate, error) {
	m.mu.Lock()
	known, ok := m.parsed[string(der)]
	m.mu.Unlock()
	if !ok { // two readers may parse it at once, which is rare and harmless
		known.cert, known.err = certs.ParseCertificate(der)
		m.mu.Lock()
		m.parsed[string(der)] = known
		m.mu.Unlock()
	}
	return known.cert, known.err
}
