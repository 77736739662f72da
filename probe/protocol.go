package probe

import (
	"net"
	"slices"
	"strings"
)

// Protocol is one way from a connection to a TLS handshake.
type Protocol struct {
	Name string

	aliases []string // other names and URL schemes
	port    uint16   // the usual port of servers
	ports   []uint16 // other ports that imply the protocol
	alpn    []string

	// start asks for TLS; nil if the client begins with TLS.
	start func(*wire) error
	// frame wraps the connection for the handshake; nil if it needs no wrapper.
	frame func(*conn) net.Conn
	// hello reports whether a server answers a greeting without TLS.
	hello func(*wire) (bool, error)
	// cure says how to switch on TLS in such servers.
	cure string
}

// protocols is the table of protocols. A port or scheme in several rows belongs to
// the first of them.
var protocols = []*Protocol{
	{Name: "tls", aliases: []string{"none", "https", "wss"}, port: 443, ports: []uint16{8443}, cure: "switch TLS on in the server"},
	{Name: "postgres", aliases: []string{"postgresql", "postgis", "ecto", "cockroachdb", "cockroach", "redshift"}, port: 5432, ports: []uint16{6432, 26257, 5439}, start: startPostgres, cure: "set ssl = on in postgresql.conf"},
	{Name: "postgres-direct", port: 5432, alpn: []string{"postgresql"}, cure: "direct TLS needs PostgreSQL 17; older ones take --starttls postgres"},
	{Name: "mysql", aliases: []string{"mariadb"}, port: 3306, start: startMySQL, cure: "set ssl_cert and ssl_key in the server's configuration"},
	{Name: "mssql", aliases: []string{"sqlserver", "tds"}, port: 1433, start: startTDS, frame: frameTDS, cure: "give SQL Server a certificate"},
	{Name: "mssql-strict", port: 1433, alpn: []string{"tds/8.0"}, cure: "TLS first needs SQL Server 2022; older ones take --starttls mssql"},
	{Name: "mongodb", aliases: []string{"mongo"}, port: 27017, hello: helloMongo, cure: "set net.tls.mode to requireTLS in mongod.conf"},
	{Name: "redis", aliases: []string{"rediss", "valkey", "valkeys"}, port: 6379, ports: []uint16{6380}, hello: helloRedis, cure: "set tls-port in redis.conf, and connect to that port"},
	{Name: "kafka", aliases: []string{"ssl", "sasl_ssl", "plaintext", "sasl_plaintext"}, port: 9093, ports: []uint16{9092, 9094, 9096, 9098}, cure: "add an SSL or SASL_SSL listener to the broker, and connect to its port"},
	{Name: "neo4j", aliases: []string{"bolt"}, port: 7687, cure: "set server.bolt.tls_level to OPTIONAL or REQUIRED in neo4j.conf"},
	{Name: "amqp", aliases: []string{"amqps"}, port: 5671, ports: []uint16{5672}, hello: helloAMQP, cure: "add a TLS listener to the broker, and connect to its port, usually 5671"},
	{Name: "smtp", aliases: []string{"submission"}, port: 25, ports: []uint16{587, 2525}, start: startSMTP, cure: "give the mail server a certificate (Postfix: smtpd_tls_chain_files, smtpd_tls_security_level = may)"},
	{Name: "smtps", port: 465, cure: "wrap the port in TLS (Postfix: smtpd_tls_wrappermode = yes)"},
	{Name: "imap", port: 143, start: startIMAP, cure: "give the mail server a certificate (Dovecot: ssl = yes)"},
	{Name: "imaps", port: 993, cure: "wrap the port in TLS"},
	{Name: "pop3", aliases: []string{"pop"}, port: 110, start: startPOP3, cure: "give the mail server a certificate (Dovecot: ssl = yes)"},
	{Name: "pop3s", port: 995, cure: "wrap the port in TLS"},
	{Name: "ldap", port: 389, ports: []uint16{3268}, start: startLDAP, cure: "set olcTLSCertificateFile and olcTLSCertificateKeyFile"},
	{Name: "ldaps", port: 636, ports: []uint16{3269}, cure: "listen on ldaps:/// and set a certificate"},
	{Name: "ftp", port: 21, start: startFTP, cure: "switch explicit TLS on in the FTP server"},
	{Name: "ftps", port: 990, cure: "switch implicit TLS on in the FTP server"},
	{Name: "xmpp", aliases: []string{"xmpp-client"}, port: 5222, start: startXMPP("jabber:client"), cure: "give the XMPP server a certificate for this host"},
	{Name: "xmpp-server", port: 5269, start: startXMPP("jabber:server"), cure: "give the XMPP server a certificate for this host"},
	{Name: "nats", aliases: []string{"tls+nats"}, port: 4222, start: startNATS, cure: "add a tls block to the NATS server's configuration"},
	{Name: "mqtts", aliases: []string{"mqtt"}, port: 8883, ports: []uint16{1883}, hello: helloMQTT, cure: "add a TLS listener to the broker"},
}

// ProtocolNames returns the names of all protocols, for help and completion.
func ProtocolNames() []string {
	var names []string
	for _, p := range protocols {
		names = append(names, p.Name)
	}
	return names
}

func protocolNamed(name string) *Protocol {
	name = strings.ToLower(name)
	for _, p := range protocols {
		if p.Name == name {
			return p
		}
	}
	for _, p := range protocols {
		if slices.Contains(p.aliases, name) {
			return p
		}
	}
	return nil
}

// protocolOn returns the usual protocol of a port, or direct TLS.
func protocolOn(port uint16) *Protocol {
	for _, p := range protocols {
		if p.port == port || slices.Contains(p.ports, port) {
			return p
		}
	}
	return protocols[0]
}
