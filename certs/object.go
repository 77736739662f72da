package certs

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"

	"github.com/certgraft/certgraft/internal/manifest"
)

// KeyInObject is the error of a private key in an object of Kubernetes or a
// kubeconfig file. It wraps [ErrPrivateKey].
type KeyInObject struct {
	kind, name, namespace string
	field                 string // with the CA, or ""
	json                  bool
}

// Error returns the text of [ErrPrivateKey].
func (k *KeyInObject) Error() string { return ErrPrivateKey.Error() }

// Unwrap returns [ErrPrivateKey].
func (k *KeyInObject) Unwrap() error { return ErrPrivateKey }

// Extract returns a command that extracts only the CA from the object in file.
// It returns "" if no field seems to have a CA.
func (k *KeyInObject) Extract(file string) string {
	switch {
	case k.kind == kubeconfig:
		return fmt.Sprintf("kubectl config view --raw --kubeconfig %s -o jsonpath='{.clusters[0].cluster.%s}' | base64 -d >ca.pem", ShellWord(file), fieldOfKubeconfig)
	case k.field == "" || ShellWord(k.field) != k.field:
		return ""
	case k.json:
		return fmt.Sprintf(`jq -r '.data["%s"]' %s | base64 -d >ca.pem`, k.field, ShellWord(file))
	}
	command := "kubectl get " + strings.ToLower(cmp.Or(k.kind, "secret")) + " " + cmp.Or(k.name, "NAME")
	if k.namespace != "" {
		command += " -n " + k.namespace
	}
	return command + fmt.Sprintf(" -o jsonpath='{.data.%s}' | base64 -d >ca.pem", strings.ReplaceAll(k.field, ".", `\.`))
}

// ShellWord quotes text for a shell, if necessary.
func ShellWord(text string) string {
	if text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+:@=,%") == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

const (
	kubeconfig        = "Config" // the kind of a kubeconfig file
	fieldOfKubeconfig = "certificate-authority-data"
)

// mayBeObject reports whether text names an API version, as each object does.
func mayBeObject(text []byte) bool { return bytes.Contains(text, []byte("apiVersion")) }

// advising returns a reader that names the object in the finding of a private
// key.
func (r reader) advising(text []byte) reader {
	emit := r.emit
	r.emit = func(c *Certificate, f *Finding) bool {
		if f != nil && f.Verdict == Refused {
			f.err = keyIn(text)
		}
		return emit(c, f)
	}
	return r
}

// keyIn returns the error of a private key in an object. It names the object
// only if it is readable and the only one.
func keyIn(text []byte) error {
	scalars, isJSON := objectScalars(text)
	if scalars == nil {
		return ErrPrivateKey
	}
	k := &KeyInObject{json: isJSON}
	for _, s := range scalars {
		switch key := s.Key(); {
		case key == "kind" && k.kind == "" && word(s.Value):
			k.kind = s.Value
		case key == "name" && s.Parent() == "metadata" && word(s.Value):
			k.name = s.Value
		case key == "namespace" && s.Parent() == "metadata" && word(s.Value):
			k.namespace = s.Value
		case holdsCAs(s) && (k.field == "" || key == "ca.crt") && !strings.Contains(key, "key"):
			k.field = key
		}
	}
	return k
}

// word reports whether text can be the name of an object in a command.
func word(text string) bool { return ShellWord(text) == text && text[0] != '-' }

// objectScalars returns the scalars of an object, or nil if the text is not an
// object. In JSON it knows only strings, and takes the string before each as
// its key.
func objectScalars(text []byte) (found []manifest.Scalar, isJSON bool) {
	if !looksLikeJSON(bytes.TrimSpace(text)) {
		found, _ = manifest.Scalars(text)
		return found, false
	}
	all, _ := jsonStrings(bytes.TrimSpace(text))
	for i := 1; i < len(all); i++ {
		parent := "data"
		if all[i-1].text == "name" || all[i-1].text == "namespace" {
			parent = "metadata"
		}
		found = append(found, manifest.Scalar{Path: []string{parent, all[i-1].text}, Value: all[i].text})
	}
	return found, true
}

// holdsCAs reports whether a field may hold certificates of CAs, in PEM or
// base64.
func holdsCAs(s manifest.Scalar) bool {
	switch s.Key() {
	case fieldOfKubeconfig, "caBundle", "trustBundle", "ca.crt":
		return true
	}
	parent := s.Parent()
	return parent == "data" || parent == "stringData" || parent == "binaryData"
}

// readObject reads the fields with CAs of Kubernetes objects and of a
// kubeconfig file. ok is false if it finds none. A client's key refuses the
// whole input.
func (r reader) readObject(text []byte) (goOn, ok bool) {
	scalars, err := manifest.Scalars(text)
	if err != nil {
		if _, isPEM := nextMark(text, 0); isPEM {
			return true, false
		}
		return r.emit(nil, skipped("it is YAML that is not read: %v", err)), true
	}
	emit := r.emit
	r.emit = func(c *Certificate, f *Finding) bool {
		ok = true
		return emit(c, f)
	}
	r.depth++
	for _, s := range scalars {
		switch {
		case s.Key() == "client-key-data" && s.Value != "":
			return r.emit(nil, refusedKey().at(s.Line, 0)), true
		case holdsCAs(s) && !r.onLine(s.Line).read(contentOf(s)):
			return false, true
		}
	}
	return true, ok
}

// contentOf returns the content of a field. These objects encode files in
// base64, so decoding is not a repair.
func contentOf(s manifest.Scalar) []byte {
	if decoded, ok := decodeBase64([]byte(strings.TrimSpace(s.Value))); ok {
		return decoded
	}
	return []byte(s.Value)
}
