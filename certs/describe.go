package certs

import "bytes"

// isHTML reports whether text is a web page. Text must not start with space.
func isHTML(text []byte) bool {
	return hasFold(text, "<!DOCTYPE HTML") || hasFold(text, "<HTML")
}

// describe names content that people save by mistake as a certificate, by its
// first bytes. It returns "" for other content.
func describe(data []byte) string {
	if text, ok := decodeUTF16(data); ok {
		data = text
	}
	data = bytes.TrimLeft(bytes.TrimPrefix(data, []byte(bom)), padding)
	switch {
	case len(data) == 0:
		return "the file is empty"
	case isHTML(data):
		return "it is an HTML page, not certificates"
	}
	for _, known := range []struct{ start, what string }{
		{"<?XML", "it is an XML document, an error message of a store perhaps"},
		{"<ERROR>", "it is an XML document, an error message of a store perhaps"},
		{"\xfe\xed\xfe\xed", "it is a Java keystore"},
		{"\xce\xce\xce\xce", "it is a Java keystore"},
		{"PK\x05\x06", "it is an empty ZIP archive"},
		{"\x1f\x8b", "it is compressed: unpack it first"},
		{"BZH", "it is compressed: unpack it first"},
		{"\xfd7zXZ", "it is compressed: unpack it first"},
		{"GITCRYPT\x00", "it is encrypted by git-crypt: unlock the repository first"},
		{"VERSION HTTPS://GIT-LFS", "it is a pointer of Git LFS: fetch the file itself first"},
		{"SSH-", "it is an SSH public key"},
		{"ECDSA-SHA2-", "it is an SSH public key"},
	} {
		if hasFold(data, known.start) {
			return known.what
		}
	}
	if isPKCS12(data) {
		return "it is a PKCS#12 keystore"
	}
	return ""
}
