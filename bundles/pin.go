package bundles

import (
	"errors"
	"fmt"

	"github.com/certgraft/certgraft/internal/hint"
)

// checkPin refuses a pin of bytes for a source of several files.
func (s *source) checkPin() error {
	if s.pinBytes == "" || s.provider == nil {
		return nil
	}
	if urls, err := s.provider.urls(s.region); err != nil || len(urls) != 1 {
		return hint.Add(usagef("%s: @sha256 pins the bytes of one file, and this is %d", s.spec, len(urls)), "use @set:HEX, which pins the set of certificates")
	}
	return nil
}

// errPin is a bundle without the pinned certificates. The cache or the snapshot
// may have them.
var errPin = errors.New("does not match its pin")

// pinned refuses a bundle that does not match the pin of the argument or of the
// catalogue entry. Nothing replaces the pin of an entry.
func pinned(b *Bundle, s *source) error {
	got := b.Certs.Digest()
	switch {
	case s.pinBytes != "" && b.Origin == Snapshot:
		return hint.Add(refusedf("a snapshot does not satisfy a pin of bytes"), "use @set:HEX, which pins the certificates; the bytes of a download are kept by --cache DIR")
	case s.entryPin() != "" && got != s.entryPin():
		return hint.Add(refusedf("%s is not what the catalogue pins: its set digest is %s, the pin of the entry is %s", b.Origin.words(), got, s.entryPin()),
			"something on the way may have changed it: compare it with what the publisher says (certgraft list "+s.provider.ID+" names the page)")
	case s.pinSet != "" && got != s.pinSet:
		err := refusedf("%s does not match its pin: its set digest is %s, the pin is %s", b.Origin.words(), got, s.pinSet)
		return hint.Add(classed{err, errPin}, lookFirst)
	}
	return nil
}

// entryPin returns the set digest in the catalogue entry, or "". It covers only
// the global bundle.
func (s *source) entryPin() string {
	if s.provider == nil || s.region != "" {
		return ""
	}
	return s.provider.Pin
}

const lookFirst = "look before you change the pin: certgraft bundle --expired keep --output new.pem SOURCE && certgraft inspect new.pem"

func (b *Bundle) checkSet(want string) error {
	if got := b.Certs.Digest(); want != "" && got != want {
		return hint.Add(refusedf("its certificates are not the pinned ones: their set digest is %s, the pin is %s", got, want), lookFirst)
	}
	return nil
}

func wrongBytes(got, want string) error {
	return hint.Add(refusedf("its bytes are not the pinned ones: their SHA-256 is %s, the pin is %s", got, want),
		"a pin of bytes breaks with every certificate that the publisher adds; @set:HEX pins the certificates")
}

// words names the origin in a sentence.
func (o Origin) words() string {
	switch o {
	case Download:
		return "the download"
	case Cache:
		return "the cache"
	case Snapshot:
		return "the snapshot in this program"
	}
	return fmt.Sprintf("the %s", string(o))
}
