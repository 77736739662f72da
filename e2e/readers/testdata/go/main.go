// Readers connects to every server of /opt/cases.txt.
package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

func main() {
	text, err := os.ReadFile("/opt/cases.txt")
	if err != nil {
		panic(err)
	}
	for line := range strings.Lines(string(text)) {
		at := strings.Fields(line)
		said := "hello"
		c, err := tls.DialWithDialer(&net.Dialer{Timeout: 20 * time.Second}, "tcp", net.JoinHostPort(at[1], at[2]), nil)
		if err != nil {
			said = strings.Join(strings.Fields(err.Error()), " ")
		} else {
			c.Close()
		}
		fmt.Printf("%s\t%s\n", at[0], said)
	}
}
