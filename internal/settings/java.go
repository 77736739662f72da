package settings

import (
	"strings"
)

// JavaVariables hold options of Java runtimes. A later one overrides the earlier
// ones.
var JavaVariables = []string{"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"}

// trustStore is the property of a Java runtime that names its trust store.
const trustStore = "javax.net.ssl.trustStore"

// Java returns the trust store that options of a Java runtime name, and its
// password. The last of several counts. The name is "" if the options name none.
func Java(options string) (name, password string) {
	if !strings.Contains(options, trustStore) {
		return "", ""
	}
	kind := ""
	for _, word := range javaWords(options) {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "-D" + trustStore:
			name = value
		case "-D" + trustStore + "Password":
			password = value
		case "-D" + trustStore + "Type":
			kind = strings.ToUpper(value)
		}
	}
	if name == "NONE" || strings.HasPrefix(kind, "PKCS11") {
		return "", password
	}
	return name, password
}

// javaWords splits options as the runtime does: at white space outside quotes.
func javaWords(options string) []string {
	var words []string
	var word strings.Builder
	quote, inside := rune(0), false
	for _, r := range options + " " {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '"' || r == '\'':
			quote, inside = r, true
		case strings.ContainsRune(" \t\r\n\f\v", r):
			if inside {
				words = append(words, word.String())
			}
			word.Reset()
			inside = false
		default:
			word.WriteRune(r)
			inside = true
		}
	}
	return words
}

// Erlang returns the file that options of the Erlang emulator name, or "":
// -public_key cacerts_path '"/etc/corp.pem"'.
func Erlang(options string) string {
	_, rest, ok := strings.Cut(options, "cacerts_path")
	if !ok {
		return ""
	}
	value, _, _ := strings.Cut(strings.TrimLeft(rest, ` '"`), `"`)
	return strings.Trim(value, `' `)
}
