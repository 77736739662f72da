package keystore

import (
	"bytes"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"golang.org/x/crypto/cryptobyte"

	"github.com/certgraft/certgraft/certs"
)

// The JKS format (sun.security.provider.JavaKeyStore of OpenJDK): magic,
// version, count, entries, and a SHA-1. The SHA-1 covers the password in
// UTF-16, a fixed phrase and all bytes before it.
var (
	jksMagic   = []byte{0xfe, 0xed, 0xfe, 0xed}
	jceksMagic = []byte{0xce, 0xce, 0xce, 0xce}
)

const (
	jksPhrase  = "Mighty Aphrodite"
	jksKey     = 1 // tag of a private key and its chain
	jksTrusted = 2 // tag of a trusted certificate
	jksType    = "X.509"
)

type jks struct {
	password string
	version  uint32
	entries  []jksEntry
}

// jksEntry is one entry. Its bytes stay as they are.
type jksEntry struct {
	Entry
	raw   []byte
	trust bool // a trusted certificate that package certs reads
	key   bool // a private key and its chain
}

func openJKS(data []byte, password string) (Store, error) {
	if len(data) < 12+sha1.Size {
		return nil, fmt.Errorf("a truncated JKS store: %w", ErrPassword)
	}
	body, sum := data[:len(data)-sha1.Size], data[len(data)-sha1.Size:]
	if subtle.ConstantTimeCompare(sum, jksDigest(body, password)) != 1 {
		return nil, ErrPassword
	}
	s, err := readJKS(body)
	if err != nil {
		return nil, err
	}
	s.password = password
	return s, nil
}

// readJKS reads the part of a file that the SHA-1 covers.
func readJKS(body []byte) (*jks, error) {
	if len(body) < 12 {
		return nil, ErrFormat
	}
	in := cryptobyte.String(body[4:])
	s := &jks{}
	var count uint32
	if !in.ReadUint32(&s.version) || s.version != 1 && s.version != 2 || !in.ReadUint32(&count) {
		return nil, fmt.Errorf("a JKS store of version %d: %w", s.version, ErrUnsupported)
	}
	for range count {
		e, ok := readJKSEntry(&in, s.version)
		if !ok {
			return nil, fmt.Errorf("entry %d of the JKS store is damaged", len(s.entries)+1)
		}
		s.entries = append(s.entries, e)
	}
	if !in.Empty() {
		return nil, fmt.Errorf("%d bytes follow the entries of the JKS store", len(in))
	}
	return s, nil
}

func readJKSEntry(in *cryptobyte.String, version uint32) (jksEntry, bool) {
	start := *in
	var e jksEntry
	var tag uint32
	var alias cryptobyte.String
	var created uint64
	if !in.ReadUint32(&tag) || !in.ReadUint16LengthPrefixed(&alias) || !in.ReadUint64(&created) {
		return e, false
	}
	e.Alias, e.Created = string(alias), time.UnixMilli(int64(created))
	switch tag {
	case jksTrusted:
		der, ok := readJKSCertificate(in, version)
		if !ok {
			return e, false
		}
		cert, err := certs.ParseCertificate(der)
		e.Cert, e.trust = cert, err == nil
	case jksKey:
		e.key = true
		if !skipJKSKey(in, version) {
			return e, false
		}
	default:
		return e, false
	}
	e.raw = start[:len(start)-len(*in)]
	return e, true
}

func readJKSCertificate(in *cryptobyte.String, version uint32) ([]byte, bool) {
	var kind cryptobyte.String
	if version == 2 && !in.ReadUint16LengthPrefixed(&kind) {
		return nil, false
	}
	return readBlock(in)
}

func skipJKSKey(in *cryptobyte.String, version uint32) bool {
	if _, ok := readBlock(in); !ok {
		return false
	}
	var chain uint32
	if !in.ReadUint32(&chain) {
		return false
	}
	for range chain {
		if _, ok := readJKSCertificate(in, version); !ok {
			return false
		}
	}
	return true
}

// readBlock reads a length of 32 bits and as many bytes.
func readBlock(in *cryptobyte.String) ([]byte, bool) {
	var size uint32
	var block []byte
	ok := in.ReadUint32(&size) && uint64(size) <= uint64(len(*in)) && in.ReadBytes(&block, int(size))
	return block, ok
}

func jksDigest(body []byte, password string) []byte {
	h := sha1.New()
	for _, unit := range utf16.Encode([]rune(password)) {
		h.Write([]byte{byte(unit >> 8), byte(unit)})
	}
	h.Write([]byte(jksPhrase))
	h.Write(body)
	return h.Sum(nil)
}

func (s *jks) Format() string { return "JKS" }

func (s *jks) Entries() []Entry {
	var out []Entry
	for _, e := range s.entries {
		if e.trust {
			out = append(out, e.Entry)
		}
	}
	return out
}

func (s *jks) Add(e Entry) error {
	e.Alias = unique(strings.ToLower(e.Alias), s.taken)
	raw := binary.BigEndian.AppendUint32(nil, jksTrusted)
	raw = appendString(raw, e.Alias)
	raw = binary.BigEndian.AppendUint64(raw, uint64(e.Created.UnixMilli()))
	if s.version == 2 {
		raw = appendString(raw, jksType)
	}
	raw = binary.BigEndian.AppendUint32(raw, uint32(len(e.Cert.Raw)))
	s.entries = append(s.entries, jksEntry{Entry: e, raw: append(raw, e.Cert.Raw...), trust: true})
	return nil
}

func (s *jks) taken(alias string) bool {
	for _, e := range s.entries {
		if strings.EqualFold(e.Alias, alias) {
			return true
		}
	}
	return false
}

func (s *jks) Remove(drop func(Entry) bool) error {
	var left []jksEntry
	for _, e := range s.entries {
		if !e.trust || !drop(e.Entry) {
			left = append(left, e)
		}
	}
	s.entries = left
	return nil
}

func (s *jks) Encode() ([]byte, error) {
	out := bytes.Clone(jksMagic)
	out = binary.BigEndian.AppendUint32(out, s.version)
	out = binary.BigEndian.AppendUint32(out, uint32(len(s.entries)))
	for _, e := range s.entries {
		out = append(out, e.raw...)
	}
	return append(out, jksDigest(out, s.password)...), nil
}

func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

func digits(n int) string { return strconv.Itoa(n) }

// NewJKS returns an empty JKS store with that password.
func NewJKS(password string) Store { return &jks{password: password, version: 2} }
