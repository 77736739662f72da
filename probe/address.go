package probe

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// address is the part of a pasted text that describes a server.
type address struct {
	protocol *Protocol // nil if the text does not say
	hosts    []string  // HOST or HOST:PORT, at least one
	port     string    // for a host without a port
	service  string    // the service whose records name the hosts; "" if the text names them
	rootCert string    // sslrootcert of libpq
	direct   bool      // TLS of PostgreSQL without SSLRequest
	secret   bool      // the text may hold a password, so no error repeats it
}

// readAddress reads an address in one of the forms that programs accept: URLs,
// also of JDBC and SQLAlchemy; the connection strings of libpq, ODBC, ADO.NET,
// go-sql-driver and StackExchange.Redis; lists of brokers; and HOST[:PORT][/PATH].
func readAddress(arg string) (address, error) {
	arg = strings.Trim(strings.TrimSpace(arg), `"'`)
	arg, isJDBC := strings.CutPrefix(arg, "jdbc:")
	scheme, rest, isURL := strings.Cut(arg, "://")
	user, dsn, isDSN := strings.Cut(arg, "@tcp(")
	switch {
	case isURL && !strings.ContainsAny(scheme, "=;@ "):
		a, err := readURL(scheme, rest)
		if isJDBC {
			a.rootCert = "" // pgjdbc reads it by other rules
		}
		return a, err
	case isDSN && !strings.Contains(user, "="):
		host, _, _ := strings.Cut(dsn, ")")
		return address{protocol: protocolNamed("mysql"), hosts: []string{host}, secret: true}, nil
	case strings.Contains(arg, "="):
		return readPairs(arg)
	}
	a := address{secret: strings.Contains(arg, "@")}
	a.setHosts(arg[strings.LastIndexByte(arg, '@')+1:])
	return a, nil
}

// setHosts takes the hosts of a list. A path may follow the list.
func (a *address) setHosts(list string) {
	list, _, _ = strings.Cut(list, "/")
	for host := range strings.SplitSeq(list, ",") {
		if host = strings.TrimSpace(host); host != "" {
			a.hosts = append(a.hosts, host)
		}
	}
}

// readURL reads a URL after its scheme. A password may hold any character.
func readURL(scheme, rest string) (address, error) {
	a := address{secret: true}
	name := strings.ToLower(scheme)
	a.protocol = protocolNamed(name)
	base, driver, _ := strings.Cut(name, "+")
	if a.protocol == nil {
		a.protocol = protocolNamed(base)
	}
	rest, query, _ := strings.Cut(rest, "?")
	if a.protocol == nil {
		return a, fmt.Errorf("no protocol for %s URLs: name it with --starttls, one of %s", quote(scheme), strings.Join(ProtocolNames(), ", "))
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 && a.protocol != protocols[0] { // in a URL of https the @ may belong to the path
		rest = rest[at+1:]
	}
	rest, options, _ := strings.Cut(rest, ";") // jdbc:sqlserver://host:1433;encrypt=true
	rest, _, _ = strings.Cut(rest, "#")
	rest, _, _ = strings.Cut(rest, "/")
	if a.protocol.Name == "postgres" {
		a.libpq(cutPairs(query, "&"))
		if name, err := url.PathUnescape(a.rootCert); err == nil {
			a.rootCert = name
		}
	}
	a.setHosts(rest[strings.LastIndexByte(rest, '@')+1:])
	if len(a.hosts) == 0 && options != "" { // jdbc:sqlserver://;serverName=host
		pairs := cutPairs(options, ";")
		a.setHosts(pairs["servername"])
		a.port = cmp.Or(pairs["portnumber"], pairs["port"])
	}
	if driver == "srv" {
		if len(a.hosts) != 1 || strings.Contains(a.hosts[0], ":") {
			return a, fmt.Errorf("a %s URL names one service, without a port", name)
		}
		a.service = base
	}
	return a, nil
}

// libpq takes the options of libpq for TLS.
func (a *address) libpq(options map[string]string) {
	a.direct, a.rootCert = options["sslnegotiation"] == "direct", options["sslrootcert"]
}

// readPairs reads a connection string of pairs NAME=VALUE.
func readPairs(arg string) (address, error) {
	a := address{secret: true}
	if first, rest, _ := strings.Cut(arg, ","); !strings.Contains(first, "=") && !strings.ContainsAny(first, "; ") {
		a.setHosts(first) // StackExchange.Redis: host:6380,password=…,ssl=True
		if strings.Contains(rest, "=") {
			a.protocol = protocolNamed("redis")
		}
		return a, nil
	}
	if !strings.Contains(arg, ";") {
		if pairs := libpqPairs(arg); pairs["host"] != "" || pairs["hostaddr"] != "" {
			a.protocol, a.port = protocolNamed("postgres"), firstOf(pairs["port"])
			a.libpq(pairs)
			a.setHosts(cmp.Or(pairs["host"], pairs["hostaddr"]))
			return a, nil
		}
	}
	return a, a.readADO(cutPairs(arg, ";"))
}

// readADO reads the pairs of ADO.NET or ODBC. They belong to SQL Server unless a
// name or a port says otherwise.
func (a *address) readADO(pairs map[string]string) error {
	server := ""
	for _, name := range []string{"server", "data source", "host", "address", "addr", "network address", "servername"} {
		server = cmp.Or(server, pairs[name])
	}
	if server == "" {
		return errors.New("the connection string names no host: name it as HOST:PORT")
	}
	server = strings.TrimPrefix(strings.TrimPrefix(server, "tcp:"), "TCP:")
	driver := strings.ToLower(pairs["driver"])
	a.port = pairs["port"]
	switch {
	case strings.Contains(driver, "postgres"), driver == "" && pairs["host"] != "":
		a.protocol = protocolNamed("postgres")
	case strings.Contains(driver, "mysql"), strings.Contains(driver, "maria"), driver == "" && a.port == "" && pairs["uid"] != "" && !strings.Contains(server, ","):
		a.protocol = protocolNamed("mysql")
	case a.port == "":
		host, port, _ := strings.Cut(server, ",")
		server, a.port = host, strings.TrimSpace(port)
		a.protocol = protocolNamed("mssql")
	}
	host, _, _ := strings.Cut(server, `\`) // HOST\INSTANCE
	a.setHosts(host)
	return nil
}

// cutPairs returns the pairs NAME=VALUE of text, by lower-case name.
func cutPairs(text, separator string) map[string]string {
	pairs := map[string]string{}
	for pair := range strings.SplitSeq(text, separator) {
		if name, value, ok := strings.Cut(pair, "="); ok {
			pairs[strings.ToLower(strings.TrimSpace(name))] = strings.Trim(strings.TrimSpace(value), `"'{}`)
		}
	}
	return pairs
}

// libpqPairs returns the pairs of a connection string of libpq (its manual,
// 34.1.1.1). Spaces separate pairs, and quotes surround a value with spaces.
func libpqPairs(text string) map[string]string {
	pairs := map[string]string{}
	for text != "" {
		name, rest, ok := strings.Cut(text, "=")
		if !ok {
			break
		}
		rest = strings.TrimLeft(rest, " ")
		value := ""
		if strings.HasPrefix(rest, "'") {
			value, text, _ = strings.Cut(rest[1:], "'")
		} else {
			value, text, _ = strings.Cut(rest, " ")
		}
		pairs[strings.ToLower(strings.TrimSpace(name))] = value
	}
	return pairs
}

func firstOf(list string) string {
	first, _, _ := strings.Cut(list, ",")
	return first
}
