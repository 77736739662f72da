package installer

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/pemfile"
	"github.com/certgraft/certgraft/internal/settings"
	"github.com/certgraft/certgraft/readers"
	"github.com/certgraft/certgraft/rootfs"
)

// Options say how a root is edited.
type Options struct {
	Stores            []string          // names of stores, system for the distribution's; nil is all that are safe to edit
	Append            bool              // only append to bundles: no anchors, no links
	WithMozilla       bool              // start a bundle where there is none with the Mozilla roots
	OverrideBlocklist bool              // install what the root has deselected
	Sync              bool              // take out what a source no longer has
	KeepGoing         bool              // edit the other stores when one fails
	Again             string            // the command that edits this root, for advice; "" is "certgraft install"
	Environ           map[string]string // environment of the programs in the root, where it is known
	JavaPassword      string            // of Java trust stores; "" is the usual one, or none
	Live              bool              // the root is the running system's, on which [RunHooks] runs hooks
}

// wanted is a certificate that is to be in the stores.
type wanted struct {
	*certs.Certificate
	anchor string // what its anchor file is named after
}

// edit is one run on one root.
type edit struct {
	root   *rootfs.Overlay
	opt    Options
	reader *pemfile.Reader
	record *record
	report *Report

	looked      *readers.Search   // for readers, and the files of languages
	bundlePaths []string          // where programs read all their CAs from
	covered     []string          // bundles that a store of this run has seen to
	shrunk      []string          // files that certificates were taken out of
	linksNow    map[string]string // those in /etc/ssl/certs, once they were made anew

	first      bool // the root held no CA
	configured bool // config is known
	config     []settings.Setting

	explained explanation                  // what the sources of the root's own store hold that are not ours, for TLS
	anchored  map[string]bool              // where those are
	stays     map[certs.Fingerprint]string // of what was to be taken out: why it stays
}

// again is the command that edits this root once more.
func (e *edit) again() string { return cmp.Or(e.opt.Again, "certgraft install") }

func overlayOf(root fs.ReadLinkFS) *rootfs.Overlay {
	if o, ok := root.(*rootfs.Overlay); ok {
		return o
	}
	return rootfs.NewOverlay(root)
}

func (e *edit) family(name string) bool { return !e.opt.Append && e.report.Detection.Family == name }

func (e *edit) warn(format string, args ...any) {
	e.report.Warnings = append(e.report.Warnings, fmt.Sprintf(format, args...))
}

func (e *edit) tell(format string, args ...any) {
	e.report.Notes = append(e.report.Notes, fmt.Sprintf(format, args...))
}

// explanation is what explains that a certificate is trusted: a source of its
// store that is not this program's, by fingerprint.
type explanation map[certs.Fingerprint]string

// add enters that the file at path holds c, unless another does.
func (x explanation) add(c *certs.Certificate, path string) {
	if _, ok := x[c.Fingerprint()]; !ok {
		x[c.Fingerprint()] = path + " holds it"
	}
}

// ErrRefused is what an error wraps where a root does not want a certificate.
var ErrRefused = errors.New("the input was refused")

// blocked is the error of a certificate that a root does not want.
func blocked(c *certs.Certificate, why string) error {
	return hint.Add(fmt.Errorf("%w: %s is not to be trusted in this root: %s", ErrRefused, c.Subject(), why),
		"leave it out, or install it all the same with --override-blocklist")
}
