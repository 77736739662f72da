package command

import (
	"cmp"
	"strings"

	"github.com/certgraft/certgraft/image"
	"github.com/certgraft/certgraft/internal/command/words"
)

// A notice is what a user should know of an image, or of its part for a platform.
type notice struct {
	warning  bool
	text     string
	several  string // the same without what differs from image to image; "" is the text
	platform string // "" is the whole image
}

// saying is a notice, whoever it is about.
type saying struct {
	warning bool
	text    string
}

// say writes a warning, or a note, with what it is about.
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

// sayOf writes the notices on one image, each once, with the platforms that it is
// about.
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

// hear keeps the notices on an image that has so many platforms. The image is
// named once for all of them.
func (f *fleet) hear(name string, platforms int, all []notice) {
	by := func(n notice) (saying, string) { return saying{n.warning, cmp.Or(n.several, n.text)}, n.platform }
	for s, of := range words.Group(all, by) {
		about := name
		if of[0] != "" && len(of) < platforms {
			about += " (" + words.Some(of, 3) + ")"
		}
		one := heard{s, about}
		if !f.known[one] { // a list may have an image twice
			f.heard = append(f.heard, one)
		}
		f.known[one] = true
	}
}

// warn keeps the warnings of a result: those on an image begin with its name, and
// the others are true of the whole list.
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

// say writes what was heard, each once, with the images that it is about.
func (f *fleet) say() {
	for s, names := range words.Group(f.heard, func(h heard) (saying, string) { return h.saying, h.about }) {
		s.say(f.p, names)
	}
}
