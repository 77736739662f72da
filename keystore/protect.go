package keystore

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"unicode/utf16"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
	sslmate "software.sslmate.com/src/go-pkcs12"

	"github.com/certgraft/certgraft/certs"
)

// protection is the encryption of a safe: algorithm and parameters in the file.
// They encrypt the edited safe too. Using them twice is harmless, since the
// content is certificates of CAs.
type protection struct {
	algorithm []byte // AlgorithmIdentifier, DER
	id        pkix.AlgorithmIdentifier

	iterations int // of the key derivation
	most       int // limit of the iterations
}

// take notes the iterations of a key derivation before it runs, and refuses too
// many.
func (c *protection) take(iterations int) error {
	if iterations < 1 || iterations > c.most {
		return fmt.Errorf("a key derivation with %d iterations: %w", iterations, ErrUnsupported)
	}
	c.iterations = iterations
	return nil
}

type pbkdf2Parameters struct {
	Salt       []byte
	Iterations int
	KeyLength  int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
}

func (p pbkdf2Parameters) key(password string, size int) ([]byte, error) {
	newHash := sha1.New
	if p.PRF.Algorithm != nil {
		newHash = digests(p.PRF.Algorithm)
	}
	if newHash == nil || p.Iterations < 1 || p.Iterations > longestDerivation {
		return nil, fmt.Errorf("a key derivation with %s and %d iterations: %w", p.PRF.Algorithm, p.Iterations, ErrUnsupported)
	}
	return pbkdf2.Key(newHash, password, p.Salt, p.Iterations, size)
}

type pbes2Parameters struct {
	Derivation struct {
		Algorithm  asn1.ObjectIdentifier
		Parameters pbkdf2Parameters
	}
	Cipher struct {
		Algorithm asn1.ObjectIdentifier
		IV        []byte
	}
}

type pbeParameters struct {
	Salt       []byte
	Iterations int
}

// decrypt returns the content of an EncryptedData. For a cipher that is read
// but not written, it notes the certificates and makes the safe opaque.
func (p *safe) decrypt(content cryptobyte.String, password string) ([]byte, error) {
	var data, info, algorithm, text cryptobyte.String
	var version int
	var kind asn1.ObjectIdentifier
	if !content.ReadASN1(&data, der.SEQUENCE) || !data.ReadASN1Integer(&version) || !data.ReadASN1(&info, der.SEQUENCE) ||
		!info.ReadASN1ObjectIdentifier(&kind) || !info.ReadASN1Element(&algorithm, der.SEQUENCE) ||
		!info.ReadASN1(&text, der.Tag(0).ContextSpecific()) {
		return nil, errDER
	}
	p.cipher = &protection{algorithm: algorithm, most: p.mostIterations}
	if _, err := asn1.Unmarshal(algorithm, &p.cipher.id); err != nil {
		return nil, errDER
	}
	block, iv, err := p.cipher.key(password)
	if err != nil {
		return nil, err
	}
	if block == nil {
		return nil, p.readOpaque(password)
	}
	if len(text) == 0 || len(text)%block.BlockSize() != 0 {
		return nil, errDER
	}
	plain := make([]byte, len(text))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, text)
	pad := int(plain[len(plain)-1])
	if pad == 0 || pad > block.BlockSize() || !bytes.HasSuffix(plain, bytes.Repeat([]byte{byte(pad)}, pad)) {
		return nil, ErrPassword
	}
	return plain[:len(plain)-pad], nil
}

// key returns the cipher, or nil for an unknown one.
func (c *protection) key(password string) (cipher.Block, []byte, error) {
	switch c.id.Algorithm.String() {
	case "1.2.840.113549.1.5.13": // PBES2
		return c.pbes2(password)
	case "1.2.840.113549.1.12.1.3": // pbeWithSHAAnd3-KeyTripleDES-CBC
		var p pbeParameters
		if _, err := asn1.Unmarshal(c.id.Parameters.FullBytes, &p); err != nil {
			return nil, nil, errDER
		}
		if err := c.take(p.Iterations); err != nil {
			return nil, nil, err
		}
		bmp := toBMP(password + "\x00")
		block, err := des.NewTripleDESCipher(derive(sha1.New, 1, bmp, p.Salt, p.Iterations, 24))
		return block, derive(sha1.New, 2, bmp, p.Salt, p.Iterations, 8), err
	}
	return nil, nil, nil
}

func (c *protection) pbes2(password string) (cipher.Block, []byte, error) {
	var p pbes2Parameters
	if _, err := asn1.Unmarshal(c.id.Parameters.FullBytes, &p); err != nil || len(p.Cipher.IV) != aes.BlockSize {
		return nil, nil, fmt.Errorf("a cipher of %s: %w", c.id.Algorithm, ErrUnsupported)
	}
	sizes := map[string]int{"2.16.840.1.101.3.4.1.2": 16, "2.16.840.1.101.3.4.1.22": 24, "2.16.840.1.101.3.4.1.42": 32}
	size := sizes[p.Cipher.Algorithm.String()]
	if size == 0 {
		return nil, nil, fmt.Errorf("a cipher %s: %w", p.Cipher.Algorithm, ErrUnsupported)
	}
	if err := c.take(p.Derivation.Parameters.Iterations); err != nil {
		return nil, nil, err
	}
	key, err := p.Derivation.Parameters.key(password, size)
	if err != nil {
		return nil, nil, err
	}
	block, err := aes.NewCipher(key)
	return block, p.Cipher.IV, err
}

// readOpaque reads the certificates of a safe that is encrypted with RC2, as
// keytool did until 2021. A library decrypts it: readOpaque gives it a file
// with only this safe.
func (p *safe) readOpaque(password string) error {
	p.opaque = true
	var derivation pbeParameters
	if _, err := asn1.Unmarshal(p.cipher.id.Parameters.FullBytes, &derivation); err != nil {
		return errDER
	}
	if err := p.cipher.take(derivation.Iterations); err != nil {
		return err
	}
	file, err := wrapped(password, p.raw)
	if err != nil {
		return err
	}
	found, err := sslmate.DecodeTrustStore(file, password)
	if err != nil {
		return p.readUnmarked(password, err)
	}
	for _, x := range found {
		if c, err := certs.ParseCertificate(x.Raw); err == nil {
			p.bags = append(p.bags, bag{Entry: Entry{Cert: c}, trust: true})
		}
	}
	return nil
}

// readUnmarked reads certificates without the mark of trust, as openssl pkcs12
// -export writes them. The library requires a second safe, so readUnmarked adds
// an empty one. If the library fails again, the error is the first one.
func (p *safe) readUnmarked(password string, cause error) error {
	var empty cryptobyte.Builder
	addData(&empty, []byte{0x30, 0})
	other, err := empty.Bytes()
	if err != nil {
		return err
	}
	file, err := wrapped(password, p.raw, other)
	if err != nil {
		return err
	}
	found, err := sslmate.ToPEM(file, password) //nolint:staticcheck // only this function accepts certificates without a key
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnsupported, cause)
	}
	for _, block := range found {
		b := bag{secret: block.Type != "CERTIFICATE"}
		if c, err := certs.ParseCertificate(block.Bytes); err == nil {
			b.Cert = c
		}
		p.bags = append(p.bags, b)
	}
	return nil
}

// wrapped returns a file with only these safes.
func wrapped(password string, safes ...[]byte) ([]byte, error) {
	authSafe, err := sequence(bytes.Join(safes, nil))
	if err != nil {
		return nil, err
	}
	salt := []byte("salt")
	m := mac{algorithm: sha1Algorithm(), hash: sha1.New, rest: append([]byte{byte(der.OCTET_STRING), byte(len(salt))}, salt...)}
	m.key = func(password string) ([]byte, error) {
		return derive(sha1.New, 3, toBMP(password+"\x00"), salt, 1, sha1.Size), nil
	}
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(3)
		addData(b, authSafe)
		m.add(b, authSafe, password)
	})
	return b.Bytes()
}

func sha1Algorithm() []byte {
	return []byte{0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00}
}

// add writes the ContentInfo of an encrypted safe.
func (c *protection) add(b *cryptobyte.Builder, plain []byte, password string) error {
	block, iv, err := c.key(password)
	if err != nil || block == nil {
		return fmt.Errorf("encrypt the store: %w", ErrUnsupported)
	}
	pad := block.BlockSize() - len(plain)%block.BlockSize()
	text := append(bytes.Clone(plain), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(text, text)
	addEncrypted(b, c.algorithm, text)
	return nil
}

func addEncrypted(b *cryptobyte.Builder, algorithm, text []byte) {
	explicit := der.Tag(0).ContextSpecific().Constructed()
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidEncryptedData)
		b.AddASN1(explicit, func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(0)
				b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(oidData)
					b.AddBytes(algorithm)
					b.AddASN1(der.Tag(0).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(text) })
				})
			})
		})
	})
}

func toBMP(s string) []byte {
	var out []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		out = append(out, byte(unit>>8), byte(unit))
	}
	return out
}

func fromBMP(b []byte) string {
	units := make([]uint16, 0, len(b)/2)
	for ; len(b) >= 2; b = b[2:] {
		units = append(units, uint16(b[0])<<8|uint16(b[1]))
	}
	return string(utf16.Decode(units))
}
