package certs_test

import (
	"fmt"

	"github.com/certgraft/certgraft/certs"
)

// example is Amazon Root CA 3 from golang.org/x/crypto/x509roots.
const example = `-----BEGIN CERTIFICATE-----
MIIBtjCCAVugAwIBAgITBmyf1XSXNmY/Owua2eiedgPySjAKBggqhkjOPQQDAjA5
MQswCQYDVQQGEwJVUzEPMA0GA1UEChMGQW1hem9uMRkwFwYDVQQDExBBbWF6b24g
Um9vdCBDQSAzMB4XDTE1MDUyNjAwMDAwMFoXDTQwMDUyNjAwMDAwMFowOTELMAkG
A1UEBhMCVVMxDzANBgNVBAoTBkFtYXpvbjEZMBcGA1UEAxMQQW1hem9uIFJvb3Qg
Q0EgMzBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCmXp8ZBf8ANm+gBG1bG8lKl
ui2yEujSLtf6ycXYqm0fc4E7O5hrOXwzpcVOho6AF2hiRVd9RFgdszflZwjrZt6j
QjBAMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgGGMB0GA1UdDgQWBBSr
ttvXBp43rDCGB5Fwx5zEGbF4wDAKBggqhkjOPQQDAgNJADBGAiEA4IWSoxe3jfkr
BqWTrBqYaGFy+uGh0PsceGCmQ5nFuMQCIQCcAu/xlJyzlvnrxir4tiz+OpAUFteM
YyRIHN8wfdVoOw==
-----END CERTIFICATE-----
`

func ExampleParse() {
	for c, err := range certs.Parse([]byte("# a comment\n" + example)) {
		if err != nil {
			fmt.Println(err)
		}
		if c != nil {
			fmt.Printf("%s, %08x.0, %s\n", c.Subject(), c.SubjectHash(), c.NotAfter().Format("2006"))
			fmt.Println(certs.FileName("amazon-roots", c, 8))
		}
	}
	// Output:
	// CN=Amazon Root CA 3,O=Amazon,C=US, 8cb5ee0f.0, 2040
	// certgraft-amazon-roots-amazon-root-ca-3-18ce6cfe.crt
}

func ExampleSet_Digest() {
	var set certs.Set
	for c := range certs.Blocks([]byte(example + example)) {
		set.Add(c.Certificate, "amazon-roots")
	}
	fmt.Println(set.Len(), set.Digest())
	// Output: 1 fdab940007c419ae02d180bf772229131b168024cd97fc2e8d49454c6d591801
}
