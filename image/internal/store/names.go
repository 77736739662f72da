package store

import (
	"cmp"
	"slices"
	"strings"

	"github.com/certgraft/certgraft/image/internal/oci"
)

// Annotations with the names of images in an OCI layout.
const (
	refName        = "org.opencontainers.image.ref.name"
	containerdName = "io.containerd.image.name"
)

// name is the name of an image in the index of a layout: in the annotation of
// the specification, and in that of containerd. An engine with containerd's
// store looks only for the second, others for the first. The zero value is no
// name.
type name struct {
	ref    string     // the annotation of the specification
	full   string     // the annotation of containerd: docker.io/library/x:1; "" for a tag alone
	digest oci.Digest // names an image without a tag
}

// layoutName returns the name of an image in an OCI layout from the user's
// text: a tag, a reference or a digest.
func layoutName(text string) name {
	if _, err := oci.Digest(text).NewHash(); err == nil {
		return name{digest: oci.Digest(text)}
	}
	if !strings.ContainsAny(text, ":/") {
		return name{ref: text}
	}
	return name{ref: text, full: FullName(text)}
}

// layoutNames returns the names of an image in an OCI layout, at most one.
func layoutNames(text string) []name {
	if text == "" {
		return nil
	}
	return []name{layoutName(text)}
}

// engineName returns the name of an image with that name in an engine. docker
// save writes only the tag into the first annotation.
func engineName(text string) name {
	full := FullName(text)
	return name{ref: full[strings.LastIndexByte(full, ':')+1:], full: full}
}

// FullName returns the name of an image with its registry and its tag, by the
// rules of distribution's reference package: x is docker.io/library/x:latest.
func FullName(text string) string {
	text = tagged(text)
	host, rest, found := strings.Cut(text, "/")
	switch {
	case found && (host == "docker.io" || host == "index.docker.io"):
		text = rest
	case found && (strings.ContainsAny(host, ".:") || host == "localhost" || strings.ToLower(host) != host):
		return text
	}
	if !strings.Contains(text, "/") {
		text = "library/" + text
	}
	return "docker.io/" + text
}

// tagged returns the name of an image with its tag, :latest by default.
func tagged(text string) string {
	if strings.ContainsAny(text[strings.LastIndexByte(text, '/')+1:], ":@") {
		return text
	}
	return text + ":latest"
}

// sameImage reports whether two names name one image in an engine.
func sameImage(a, b string) bool { return a == b || FullName(a) == FullName(b) }

// isOf reports whether the entry of a layout has the name.
func (n name) isOf(d oci.Descriptor) bool {
	ref, full := d.Annotations[refName], d.Annotations[containerdName]
	switch {
	case n.digest != "":
		return d.Digest == n.digest
	case n == name{}:
		return ref == "" && full == ""
	case n.full == "":
		return ref == n.ref || full == n.ref
	case full != "":
		return sameImage(full, n.full)
	}
	return strings.ContainsAny(ref, ":/") && sameImage(ref, n.full)
}

// annotations returns the annotations of an entry with the name.
func (n name) annotations() map[string]string {
	all := map[string]string{}
	if n.ref != "" {
		all[refName] = n.ref
	}
	if n.full != "" {
		all[containerdName] = n.full
	}
	return all
}

// namesOf lists the names of a layout's entries, each once, to choose from.
func namesOf(all []oci.Descriptor) string {
	refs := map[string]int{}
	for _, d := range all {
		refs[d.Annotations[refName]]++
	}
	var names []string
	for _, d := range all {
		text := d.Annotations[refName]
		if text == "" || refs[text] > 1 {
			text = cmp.Or(d.Annotations[containerdName], string(d.Digest))
		}
		if !slices.Contains(names, text) {
			names = append(names, text)
		}
	}
	return strings.Join(names, ", ")
}

// sameContent reports whether all entries name one image.
func sameContent(all []oci.Descriptor) bool {
	return !slices.ContainsFunc(all, func(d oci.Descriptor) bool { return d.Digest != all[0].Digest })
}
