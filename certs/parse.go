package certs

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"github.com/certgraft/certgraft/internal/manifest"
)

// Parse yields the certificates in data, in order, and findings about the rest.
// A certificate comes with nil, or with a [*Finding] of verdict [Repaired]. A
// [*Finding] without a certificate is [Skipped] or [Refused]. [Refused] means a
// private key (errors.Is [ErrPrivateKey]) and ends the sequence. Each BEGIN
// line of PEM text gives a certificate or a finding.
//
// Parse reads PEM (RFC 7468) with any text around it, DER, PKCS#7 in PEM, DER
// or BER, ZIP archives of these, UTF-16 text, base64 or JSON strings of them,
// and the fields for CAs in YAML of Kubernetes: a Secret, a ConfigMap, a
// kubeconfig file. The time is linear in the size of data and of its unpacked
// content, which is bounded.
func Parse(data []byte) iter.Seq2[*Certificate, error] {
	return func(yield func(*Certificate, error) bool) {
		budget := maxUnpacked
		emit := func(c *Certificate, f *Finding) bool {
			if f == nil {
				return yield(c, nil)
			}
			return yield(c, f) && f.Verdict != Refused
		}
		reader{emit: emit, budget: &budget}.read(data)
	}
}

// ParseAll collects the results of [Parse]. Its error wraps [ErrPrivateKey], or
// wraps [ErrNoCertificate] and names the content of data.
func ParseAll(data []byte) ([]*Certificate, []*Finding, error) {
	var taken []*Certificate
	var findings []*Finding
	for c, err := range Parse(data) {
		f, isFinding := errors.AsType[*Finding](err)
		if isFinding {
			findings = append(findings, f)
		}
		switch {
		case isFinding && f.Verdict == Refused:
			return nil, findings, f
		case c != nil:
			taken = append(taken, c)
		}
	}
	if len(taken) == 0 {
		return nil, findings, nothing(data, findings)
	}
	return taken, findings, nil
}

// nothing says why data has no certificate.
func nothing(data []byte, findings []*Finding) error {
	what := describe(data)
	if what == "" && len(findings) > 0 {
		what = findings[0].Error()
	}
	if what == "" && json.Valid(data) {
		what = "it is JSON without a certificate in it"
	}
	if what == "" {
		what = "the content is not one that certificates come in"
	}
	return fmt.Errorf("%w: %s", ErrNoCertificate, what)
}

// emitter takes a certificate, a finding, or both. It returns false to stop.
type emitter func(*Certificate, *Finding) bool

// maxDepth bounds nested archives and nested base64.
const maxDepth = 4

// reader unwraps data down to the certificates. Its methods return false after
// emit did.
type reader struct {
	emit   emitter
	depth  int
	budget *int // bytes that archives may still unpack
}

// read detects the format of data and reads it.
func (r reader) read(data []byte) bool {
	if r.depth > maxDepth {
		return r.emit(nil, skipped("it is wrapped more than %d times", maxDepth))
	}
	_, isPEM := nextMark(data, 0)
	if text, ok := decodeUTF16(data); ok && !isPEM { // not for PEM with UTF-16 text joined to it
		return r.unwrapped("it was UTF-16 text").read(text)
	}
	switch {
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return r.readZIP(data)
	case bytes.HasPrefix(data, []byte("openssh-key-v1\x00")):
		return r.emit(nil, refusedKey())
	case looksLikeDER(data):
		return r.readDER(data)
	}
	return r.readText(data)
}

// readText reads PEM, or other text with certificates.
func (r reader) readText(text []byte) bool {
	if plain, ok := plainDashes(text); ok {
		return r.unwrapped("its dashes were typographic ones").readText(plain)
	}
	if mayBeObject(text) {
		r = r.advising(text)
	}
	if at := keyIndex(text); at >= 0 {
		return r.emit(nil, refusedKey().at(1+countLines(text[:at]), 0))
	}
	trimmed := bytes.TrimSpace(bytes.TrimPrefix(text, []byte(bom)))
	switch {
	case isHTML(trimmed):
		return r.passOver(text, "it stands in an HTML page")
	case looksLikeJSON(trimmed):
		if found, ok := jsonStrings(trimmed); ok {
			return r.readJSON(found)
		}
	}
	if manifest.Looks(text) {
		if goOn, ok := r.readObject(text); ok {
			return goOn
		}
	}
	if _, ok := nextMark(text, 0); ok {
		return r.readPEM(text)
	}
	if decoded, ok := decodeBase64(trimmed); ok {
		return r.unwrapped("it was base64 without BEGIN and END lines").read(decoded)
	}
	return true
}

// unwrapped returns a reader for unwrapped data. It reports the first
// certificate as repaired, with the reason.
func (r reader) unwrapped(reason string) reader {
	r.depth++
	return r.repairedBy(repairs{reason})
}

// repairedBy returns a reader that reports the repairs with its first
// certificate.
func (r reader) repairedBy(done repairs) reader {
	emit, noted := r.emit, false
	r.emit = func(c *Certificate, f *Finding) bool {
		if c == nil || noted {
			return emit(c, f)
		}
		noted = true
		return emit(c, f.also(done))
	}
	return r
}

// at returns a reader that gives its findings a place.
func (r reader) at(line, block int) reader {
	emit := r.emit
	r.emit = func(c *Certificate, f *Finding) bool { return emit(c, f.at(line, block)) }
	return r
}

// onLine returns a reader whose findings all have that line.
func (r reader) onLine(line int) reader {
	emit := r.emit
	r.emit = func(c *Certificate, f *Finding) bool {
		if f != nil {
			f.Line = line
		}
		return emit(c, f)
	}
	return r
}

// within returns a reader for a part of the input with its own name and lines.
func (r reader) within(name string) reader {
	emit := r.emit
	r.emit = func(c *Certificate, f *Finding) bool { return emit(c, f.within(name)) }
	return r
}

// readCertificate emits the certificate in der, or a finding. done are the
// repairs so far.
func (r reader) readCertificate(der []byte, done repairs) bool {
	c, err := ParseCertificate(der)
	if errors.Is(err, errTrailing) {
		first, rest, _ := firstElement(der)
		if isPrivateKeyDER(bytes.TrimLeft(rest, padding)) {
			return r.emit(nil, refusedKey())
		}
		done.add(cutOff)
		c, err = ParseCertificate(first)
	}
	switch {
	case err != nil && isPrivateKeyDER(der):
		return r.emit(nil, refusedKey())
	case err != nil:
		return r.emit(nil, skipped("%s", cmp.Or(kindOf(der), err.Error())))
	}
	return r.emit(c, done.finding())
}
