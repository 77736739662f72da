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

// Options say how to edit a root.
type Options struct {
	Stores            []string          // names of stores, or system for the distribution's; nil is all that are safe to edit
	Append            bool              // only append to bundles, without anchors and links
	WithMozilla       bool              // begin a new bundle with the Mozilla roots
	OverrideBlocklist bool              // install certificates that the root has deselected
	Sync              bool              // take out certificates that a source no longer has
	KeepGoing         bool              // edit the other stores after an error in one
	Again             string            // the command that edits this root, for advice; "" is "certgraft install"
	Environ           map[string]string // environment of the programs in the root, if known
	JavaPassword      string            // of Java trust stores; "" is the default, or none
	Live              bool              // the root is the running system's, so [RunHooks] runs hooks
}

// wanted is a certificate to install.
type wanted struct {
	*certs.Certificate
	anchor string // the stem of the name of its anchor file
}

// edit is one run on one root.
type edit struct {
	root   *rootfs.Overlay
	opt    Options
	reader *pemfile.Reader
	record *record
	report *Report

	looked      *readers.Search   // for readers, and the files of languages
	bundlePaths []string          // files from which programs read all their CAs
	covered     []string          // bundles that a store has edited in this run
	shrunk      []string          // files that lost certificates
	linksNow    map[string]string // links in /etc/ssl/certs, once made anew

	first      bool // the root held no CA
	configured bool // config is set
	config     []settings.Setting

	explained explanation                  // from the sources of the root's own store that are not ours, for TLS
	anchored  map[string]bool              // paths of these sources
	stays     map[certs.Fingerprint]string // why a certificate stays that should go
}

// again returns the command that edits this root again.
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

// explanation says why the root trusts certificates without this program: a source of
// the store that holds each one, by fingerprint.
type explanation map[certs.Fingerprint]string

// add records that the file at path holds c, unless another file does.
func (x explanation) add(c *certs.Certificate, path string) {
	if _, ok := x[c.Fingerprint()]; !ok {
		x[c.Fingerprint()] = path + " holds it"
	}
}

// ErrRefused is the cause of an error about a certificate that the root rejects.
var ErrRefused = errors.New("the input was refused")

// blocked returns the error for a certificate that the root rejects.
func blocked(c *certs.Certificate, why string) error {
	return hint.Add(fmt.Errorf("%w: %s is distrusted in this root: %s", ErrRefused, c.Subject(), why),
		"leave it out, or install it anyway with --override-blocklist")
}
