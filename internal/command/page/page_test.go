package page

import (
	"bytes"
	"crypto/x509"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/installer"
	"github.com/certgraft/certgraft/internal/roottest"
)

// hostileName would end every element and attribute around it, open a script, and
// turn the direction of the line. A certificate can have this name. Only a file
// can be named hostile.
const (
	hostileName = `--></style></title></svg></code>'"><script>alert(1)</script><img src="x" onerror="alert(2)"/>&lt;` + "\x1b[31m\u202e"
	hostile     = hostileName + "\x00\xff"
)

// hostilePage has hostile text in every place for text.
func hostilePage(t *testing.T) *Page {
	t.Helper()
	named := func(c *x509.Certificate) { c.Subject.Organization = []string{hostileName} }
	set := testSet(t, roottest.NewCA(t, "x"+hostileName, named), roottest.NewCA(t, "y"+hostileName, named, roottest.Expired), roottest.NewCA(t, "z"+hostileName, roottest.Future))
	list := byName(set.All())
	text := []string{hostile}
	return &Page{
		title: hostile, about: text, now: time.Unix(1_800_000_000, 0), all: set, warnings: text, root: true,
		stores:    []store{{path: hostile, format: hostile, aliases: text, problems: text, certs: list}, {path: "/b", certs: list[:1]}},
		disputes:  []dispute{{in: text, missing: text, certs: list[1:]}},
		sources:   []source{{name: hostile, set: hostile, certs: list[:1], lost: text}},
		readers:   []installer.ReaderState{{Name: hostile, Release: hostile, Path: hostile, Reads: text, Problems: []installer.ReaderProblem{{Path: hostile, Line: 1, Why: hostile}}}},
		databases: []installer.DatabaseState{{Path: hostile, Whom: hostile}},
		recorded:  map[certs.Fingerprint][]string{list[0].Fingerprint(): text},

		distrusted: text,
	}
}

func testSet(t *testing.T, cas ...*roottest.CA) *certs.Set {
	t.Helper()
	set := &certs.Set{}
	for _, ca := range cas {
		c, err := certs.ParseCertificate(ca.DER)
		if err != nil {
			t.Fatal(err)
		}
		set.Add(c, "corp")
	}
	return set
}

// Names of certificates, roots and users stay text on the page: the page has its
// usual elements and attributes.
func TestPageEscapes(t *testing.T) {
	elements := strings.Fields("a b body code details div dl figcaption figure footer g h1 h2 head header html li line main meta p rect section small span style summary svg table tbody td text th thead title tr ul")
	attributes := strings.Fields("aria-label charset class content height href http-equiv id lang name open role text-anchor transform viewBox width x x1 x2 y y1 y2")
	page := hostilePage(t).Render("v1.2.3")
	var text strings.Builder
	for _, token := range tokens(t, page) {
		switch token := token.(type) {
		case xml.StartElement:
			if !slices.Contains(elements, token.Name.Local) {
				t.Errorf("the page has an element <%s>", token.Name.Local)
			}
			for _, a := range token.Attr {
				if !slices.Contains(attributes, a.Name.Local) || a.Name.Local == "href" && !strings.HasPrefix(a.Value, "#") {
					t.Errorf("<%s> has %s=%q", token.Name.Local, a.Name.Local, a.Value)
				}
			}
		case xml.CharData:
			text.Write(token)
		case xml.Comment:
			t.Errorf("the page has a comment: %.60s", token)
		}
	}
	seen := strings.NewReplacer("\x1b", "\ufffd", "\u202e", "\ufffd").Replace(hostileName)
	if n := strings.Count(text.String(), seen); n < 35 {
		t.Errorf("the hostile text is on the page %d times, want it in at least 35 places", n)
	}
	if bytes.ContainsAny(page, "\x1b\u202e\x00") {
		t.Error("the page has characters that cannot be seen")
	}
}

// tokens reads the page as strict XML, in which every element must be closed.
func tokens(t *testing.T, page []byte) []xml.Token {
	t.Helper()
	var all []xml.Token
	for dec := xml.NewDecoder(bytes.NewReader(page)); ; {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("the page is not well-formed: %v", err)
		}
		all = append(all, xml.CopyToken(token))
	}
}

// The page fetches nothing: it has no text that could name another place.
func TestPageStandsAlone(t *testing.T) {
	page := string(File("corp.pem", testSet(t, roottest.NewCA(t, "a")), nil, time.Unix(1_800_000_000, 0)).Render("v1.2.3"))
	for _, word := range []string{"<script", "<link", "<img", "<iframe", "src=", "url(", "@import", "://", "javascript:"} {
		if strings.Contains(page, word) {
			t.Errorf("the page has %s", word)
		}
	}
	if !strings.Contains(page, `content="default-src 'none'; style-src 'sha256-`) {
		t.Error("the page has no policy that forbids all else")
	}
}

// The same root at the same moment gives the same bytes, in every time zone.
func TestPageIsReproducible(t *testing.T) {
	page := hostilePage(t)
	first := page.Render("v1.2.3")
	page.now = page.now.In(time.FixedZone("elsewhere", 14*60*60))
	if !bytes.Equal(first, page.Render("v1.2.3")) {
		t.Error("two pages of the same differ")
	}
	page.now = page.now.Add(365 * 24 * time.Hour)
	if bytes.Equal(first, page.Render("v1.2.3")) {
		t.Error("a year later the page is the same")
	}
}
