package command

import (
	"cmp"
	"strings"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/command/words"
)

// A notice is a warning or note on an image, or on one platform of it.
type notice struct {
	warning  bool
	text     string
	several  string // the text without the details that differ between images; "" means equal to text
	platform string // "" means the whole image
}

// saying is the text of a notice, without its image.
type saying struct {
	warning bool
	text    string
}

// say writes a warning or a note. About are the names in front of it.
func (s saying) say(p *printer, about []string) {
	text := s.text
	if names := words.Some(about, 3); names != "" {
		text = names + ": " + text
	}
	if s.warning {
		p.warn(text)
		return
	}
	p.note(text)
}

// sayOf writes the notices on one image. Each is written once, with the platforms
// that it concerns.
func sayOf(p *printer, all []notice) {
	for s, platforms := range words.Group(all, func(n notice) (saying, string) { return saying{n.warning, n.text}, n.platform }) {
		s.say(p, platforms)
	}
}

// heard is a notice on an image of a list.
type heard struct {
	saying
	about string
}

// hear keeps the notices on an image. Platforms is the number of its platforms: a
// notice on all of them names the image alone.
func (f *fleet) hear(name string, platforms int, all []notice) {
	by := func(n notice) (saying, string) { return saying{n.warning, cmp.Or(n.several, n.text)}, n.platform }
	for s, of := range words.Group(all, by) {
		about := name
		if of[0] != "" && len(of) < platforms {
			about += " (" + words.Some(of, 3) + ")"
		}
		one := heard{s, about}
		if !f.known[one] { // a list may name an image twice
			f.heard = append(f.heard, one)
		}
		f.known[one] = true
	}
}

// warn keeps the warnings of a result. A warning that begins with the name of an
// image concerns that image; the others concern the whole list.
func (f *fleet) warn(warnings []string, images ...image.Location) {
	for _, w := range warnings {
		about, text := "", w
		for _, at := range images {
			if rest, ok := strings.CutPrefix(w, at.String()); ok && strings.IndexAny(rest, ": ") == 0 {
				about, text = at.String(), strings.TrimLeft(rest, ": ")
			}
		}
		f.hear(about, 1, []notice{{warning: true, text: text}})
	}
}

// say writes each kept notice once, with the images that it concerns.
func (f *fleet) say() {
	for s, names := range words.Group(f.heard, func(h heard) (saying, string) { return h.saying, h.about }) {
		s.say(f.p, names)
	}
}
