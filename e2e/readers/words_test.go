//go:build e2e

package readers

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// causes tell what a refusal is about by the words of the client: the causes of package
// readers. The first that matches counts. "untrusted" is also what clients say that look
// for a path and find none, whatever the reason; "other" is what says nothing.
var causes = []struct {
	cause string
	words *regexp.Regexp
}{
	{"strict", regexp.MustCompile(`(?i)missing (authority|subject) key identifier|basic constraints of ca cert not marked critical|ca cert does not include key usage|pathlen given|authority key identifier|subject key identifier|Subject (name )?empty`)},
	{"malformed", regexp.MustCompile(`(?i)failed to parse|invalid certificate:|X509 V3 routines:|SSL error: invalid certificate|INVALID_EXTENSION|BadEncoding|BadDer|BadDER|TrailingData|asn1 (parsing )?error|x509: negative serial|malformed|decode error|decrypt_error.*encoding|DER-encoded|MUST be marked critical|X509 lib\b|x509_lib|DECODE_ERROR`)},
	{"signature", regexp.MustCompile(`(?i)signature does not match`)},
	{"version", regexp.MustCompile(`UnsupportedCertVersion|version 1 cert|not a v3`)},
	{"constraints", regexp.MustCompile(`(?i)subtree violation|not authorized to sign for this name|not permitted by any constraint|NameConstraintViolation|_not_permitted|PERMITTED_VIOLATION|EXCLUDED_VIOLATION|NAME_CONSTRAINTS_WITHOUT_SANS|UNSUPPORTED_CONSTRAINT_TYPE|unsupported name constraint|name constraints check failed|NOT_IN_NAME_SPACE|violates the signer's constraints`)},
	{"purpose", regexp.MustCompile(`does not match the intended purpose`)},
	{"name", regexp.MustCompile(`(?i)hostname mismatch|IP address mismatch|not valid for (any )?name|certificate is valid for|doesn't contain any IP SANs|relies on legacy Common Name|hostname_check_failed|does not match|doesn.{1,3}t match|no alternative certificate subject name|unable to obtain common name|ALTNAME_INVALID|No (name|subject alternative)|BAD_CERT_DOMAIN|not match the expected|could not get server's host name|Illegal given domain name|No appropriate|is not a valid hostname|not match the server certificate|did not match expected|cannot validate certificate for|could not be verified by hostnameverifier`)},
	{"path-length", regexp.MustCompile(`(?i)path length constraint exceeded|too many intermediates|PathLenConstraintViolated|PATH_LENGTH_EXCEEDED|pathLenConstraint violated|max_path_length|path length`)},
	{"authority", regexp.MustCompile(`(?i)invalid CA certificate|EndEntityUsedAsCa|CaUsedAsEndEntity|parent certificate cannot sign|not authorized to sign other|missing_basic_constraint|issuer is not a CA|signer of .* was not a CA|not a CA certificate|invalid_key_usage`)},
	{"purpose", regexp.MustCompile(`(?i)unsuitable certificate purpose|unsupported certificate purpose|extended key usage|incompatible key usage|ext_key_?usage|key_usage_mismatch|KeyUsage|INVALID_PURPOSE|INADEQUATE_CERT_TYPE|INADEQUATE_KEY_USAGE|intended purpose|Key usage|usage violation`)},
	{"critical", regexp.MustCompile(`(?i)unhandled critical|unrecognized critical|UnsupportedCriticalExtension|unknown_critical|unknown critical`)},
	{"expired", regexp.MustCompile(`(?i)expired or is not yet valid: current time \S+ is after`)},
	{"not-yet-valid", regexp.MustCompile(`(?i)not yet valid|not valid yet|not yet (been )?activated|NOT_YET_VALID|NotYetValid|current time .* is before|certificate is not yet`)},
	{"expired", regexp.MustCompile(`(?i)expired|validity check failed`)},
	{"weak-digest", regexp.MustCompile(`(?i)constraints check failed on (SHA|MD|disabled algorithm)|insecure algorithm`)},
	{"weak-key", regexp.MustCompile(`(?i)key too weak|key size|RSA key with size|keysize|RSA key of|insecure key|RSA key`)},
	{"weak-digest", regexp.MustCompile(`(?i)digest algorithm too weak|insecure algorithm|SIGNATURE_ALGORITHM_DISABLED|Algorithm constraints check failed|UnsupportedSignatureAlgorithm|disabled algorithm|cannot verify signature: insecure`)},
	{"untrusted", regexp.MustCompile(`(?i)self[- ]signed certificate in certificate chain`)},
	{"self-signed", regexp.MustCompile(`(?i)num=18|: self[- ]signed certificate( |$)|certificate verify failed \(self-signed certificate\)|selfsigned_peer|DEPTH_ZERO_SELF_SIGNED|verify failed: self-signed certificate( |$)`)},
	{"signature", regexp.MustCompile(`(?i)signature failure|invalid signature|BadSignature|BAD_SIGNATURE|signature in the certificate is invalid|invalid_signature|verification failure|asn1 encoding routines:ASN1_item_verify|does not verify|Signature check|SIGNATURE_FAILURE`)},
	{"untrusted", regexp.MustCompile(`(?i)unable to get (local )?issuer|self[- ]signed certificate in certificate chain|unknown authority|unknown_ca|UnknownIssuer|UNABLE_TO_|SELF_SIGNED_CERT_IN_CHAIN|PKIX path building failed|UNKNOWN_ISSUER|CA_CERT_INVALID|UNTRUSTED_ISSUER|issuer is unknown|doesn't have a known issuer|signer not trusted|unable to verify the first|unable to find valid|num=2:|Path does not chain`)},
}

// causeOf returns "ok" for a client that trusts the server, else why it does not.
func causeOf(said string) string {
	if said == "hello" {
		return "ok"
	}
	for _, c := range causes {
		if c.words.MatchString(said) {
			return c.cause
		}
	}
	return "other"
}

// changing is what is another at each run.
var changing = regexp.MustCompile(`127\.0\.0\.1:\d+|:\d{5}\b|port \d+|\b[0-9A-F]{12,16}:|\b\d{10}\b|\(\d+ seconds (ago|in future)\)|not(After|Before)=[^G]*GMT|(current time|is before|is after) \S+Z?|0x[0-9a-f]+|_ssl\.c:\d+|\S+\.(c|erl|cc|java):\d+`)

// plain returns the words of a client without what changes from run to run.
func plain(said string) string {
	said = strings.Join(strings.Fields(changing.ReplaceAllString(said, "…")), " ")
	if i := strings.Index(said, " More details here: "); i > 0 {
		said = said[:i]
	}
	return said
}

// compareWords writes what the clients said, one line for each refusal, where it is asked for:
// for troubleshooting, and for whoever adds a client.
func compareWords(t *testing.T, said table, rows []string) {
	t.Helper()
	name := os.Getenv("CERTGRAFT_WORDS")
	if name == "" {
		return
	}
	var lines []string
	for _, c := range clients {
		for _, row := range rows {
			if text := said[row][c.reader]; text != "" && text != "hello" {
				lines = append(lines, strings.Join([]string{c.reader, row, causeOf(text), text}, "\t"))
			}
		}
	}
	rig.Write(t, name, strings.Join(slices.Compact(lines), "\n")+"\n")
}
