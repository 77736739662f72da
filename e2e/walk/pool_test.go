//go:build e2e

package walk

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/certgraft/certgraft/e2e/rig"
)

// ca is a certificate of the pool.
type ca struct {
	name, subject, print, pem string
}

// mozilla are the roots of the package that the bases of all walks have: few, so
// that the tools are fast.
var mozilla = []string{
	"Amazon_Root_CA_1", "Amazon_Root_CA_3", "Certum_EC-384_CA", "DigiCert_Global_Root_G2", "GTS_Root_R1",
	"GTS_Root_R4", "ISRG_Root_X1", "ISRG_Root_X2", "SwissSign_Gold_CA_-_G2", "TWCA_Root_Certification_Authority",
}

// theirs are the CAs of the pool that the base has already, with their files.
var theirs = map[string]string{"m1": "Amazon_Root_CA_1", "m2": "GTS_Root_R4", "m3": "ISRG_Root_X2"}

// made are the names of the CAs of the pool that no base has. Twins have the same
// subject.
var made = map[string]string{"a": "Walk Root A", "b": "Walk Root B", "c": "Walk Root C", "t1": "Walk Twin", "t2": "Walk Twin", "e": "Walk Company"}

// poolOf returns the CAs that a walk takes, by name. They are the same in every
// run: a repro finds them again.
var poolOf = sync.OnceValue(func() map[string]ca {
	pool := map[string]ca{}
	for name, subject := range made {
		pool[name] = madeCA(name, subject)
	}
	return pool
})

// madeCA makes a CA of its name alone. Ed25519 takes no random bytes.
func madeCA(name, subject string) ca {
	seed := sha256.Sum256([]byte("certgraft walk " + name))
	key := ed25519.NewKeyFromSeed(seed[:])
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(seed[:8]),
		Subject:      pkix.Name{CommonName: subject, Organization: []string{"certgraft tests"}},
		NotBefore:    time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return parseCA(name, der)
}

func parseCA(name string, der []byte) ca {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return ca{name, c.Subject.CommonName, printOf(der), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

// pool returns all CAs, with those that the package of suite brings.
func pool(t *testing.T, suite string) map[string]ca {
	t.Helper()
	all := maps.Clone(poolOf())
	for name, file := range theirs {
		data := rig.Read(t, filepath.Join(whole(t, suite, "", "ca-certificates"), "usr/share/ca-certificates/mozilla", file+".crt"))
		block, _ := pem.Decode([]byte(data))
		all[name] = parseCA(name, block.Bytes)
	}
	return all
}

func printOf(der []byte) string { return fmt.Sprintf("%x", sha256.Sum256(der)) }

// block is a certificate in a PEM file, as the most forgiving reader finds it.
type block struct {
	start, end int
	der        []byte
}

var pemBlock = regexp.MustCompile(`(?s)-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----(.+?)-----END (?:TRUSTED |X509 )?CERTIFICATE-----`)

// blocks finds the certificates of a file, damaged line ends or not.
func blocks(data []byte) []block {
	var found []block
	for _, at := range pemBlock.FindAllSubmatchIndex(data, -1) {
		der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(data[at[2]:at[3]])), ""))
		if err != nil {
			continue
		}
		var first asn1.RawValue // what OpenSSL adds of trust stands behind it
		if _, err := asn1.Unmarshal(der, &first); err == nil {
			found = append(found, block{at[0], at[1], first.FullBytes})
		}
	}
	return found
}

// held returns the fingerprints in a PEM file; none where it is missing.
func held(name string) map[string]bool {
	data, err := os.ReadFile(name)
	set := map[string]bool{}
	if err != nil {
		return set
	}
	for _, b := range blocks(data) {
		set[printOf(b.der)] = true
	}
	return set
}

var hashes sync.Map

// subjectHash is what openssl x509 -subject_hash says.
func subjectHash(der []byte) string {
	key := printOf(der)
	if hash, ok := hashes.Load(key); ok {
		return hash.(string)
	}
	cmd := exec.Command("openssl", "x509", "-inform", "DER", "-noout", "-subject_hash")
	cmd.Stdin = strings.NewReader(string(der))
	out, err := cmd.Output()
	if err != nil {
		panic(fmt.Sprintf("openssl x509 -subject_hash: %v", err))
	}
	hash := strings.TrimSpace(string(out))
	hashes.Store(key, hash)
	return hash
}

var hashName = regexp.MustCompile(`^([0-9a-f]{8})\.0$`)

// hashed returns the fingerprints that OpenSSL finds by hash in a directory below
// root: HASH.0 and on, up to the first gap. Absolute links lead from root.
func hashed(root, dir string) map[string]bool {
	set := map[string]bool{}
	list, _ := os.ReadDir(filepath.Join(root, dir))
	for _, entry := range list {
		m := hashName.FindStringSubmatch(entry.Name())
		if m == nil {
			continue
		}
		for n := 0; ; n++ {
			data, err := readIn(root, filepath.Join(dir, fmt.Sprintf("%s.%d", m[1], n)))
			if err != nil {
				break
			}
			for _, b := range blocks(data) {
				if subjectHash(b.der) == m[1] {
					set[printOf(b.der)] = true
				}
			}
		}
	}
	return set
}

// readIn reads a file of a root; links lead from the root.
func readIn(root, name string) ([]byte, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for range 20 {
		target, err := r.Readlink(name)
		if err != nil {
			return r.ReadFile(name)
		}
		if filepath.IsAbs(target) {
			name = strings.TrimPrefix(target, "/")
		} else {
			name = filepath.Join(filepath.Dir(name), target)
		}
	}
	return nil, fmt.Errorf("%s: a circle of links", name)
}
