//go:build e2e

package verify

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certgraft/certgraft/e2e/rig"
)

// modes are ways to run a server.
const (
	modeTLS    = ""                   // TLS of this decade
	modeOff    = "TLS off"            // none
	modeOld    = "TLS 1.0 only"       //
	modeClient = "client certificate" // demanded
)

// site is a Debian root with servers in it.
type site struct{ root string }

// newSite unpacks the root with all servers.
func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{rig.Unpack(t, rig.Tarball(t, "bookworm", "daemons", "ca-certificates", "openssl", "mariadb-server", "redis-server", "nginx-light",
		"postfix", "slapd", "dovecot-imapd", "dovecot-pop3d", "vsftpd", "nats-server", "prosody", "mosquitto"))}
	rig.Run(t, "mknod", "-m", "666", filepath.Join(s.root, "dev/urandom"), "c", "1", "9")
	rig.Run(t, "mknod", "-m", "666", filepath.Join(s.root, "dev/random"), "c", "1", "8")
	rig.Run(t, "chmod", "0755", s.root, filepath.Dir(s.root))
	s.make(t, "empty", "ldap", "prosody", "mongodb")
	return s
}

// newBroker unpacks a root with RabbitMQ, which takes as much room as all the others.
func newBroker(t *testing.T) *site {
	t.Helper()
	s := &site{rig.Unpack(t, rig.Tarball(t, "trixie", "rabbitmq", "ca-certificates", "openssl", "rabbitmq-server"))}
	rig.Run(t, "mknod", "-m", "666", filepath.Join(s.root, "dev/urandom"), "c", "1", "9")
	s.make(t, "rabbitmq")
	return s
}

// make makes directories below /srv/t of the site.
func (s *site) make(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.MkdirAll(filepath.Join(s.root, "srv/t", name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// configure writes a file below /srv/t of the site.
func (s *site) configure(t *testing.T, name, text string) {
	t.Helper()
	rig.Write(t, filepath.Join(s.root, "srv/t", name), text)
}

// daemon runs a server of the site until the test ends, and waits until its port
// is open.
func (s *site) daemon(t *testing.T, port int, args ...string) {
	t.Helper()
	rig.Background(t, exec.Command("chroot", append([]string{s.root, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}, args...)...), rig.Listens(port))
}

// server is one kind of server: how it is run with the certificate in
// /srv/t/cert.pem, its key in key.pem and the root for clients in ca.pem.
type server struct {
	name     string
	starttls string // for certgraft
	openssl  string // for openssl s_client -starttls, "" for TLS at once, "-" where it does not speak the protocol
	lacks    string // modes that it has not, and names of situations that cannot be
	start    func(t *testing.T, s *site, port int, mode string)
}

var servers = []server{
	{"nginx", "tls", "", "", startNginx},
	{"redis", "redis", "", "", startRedis},
	{"mariadb", "mysql", "mysql", "", startMariaDB},
	{"postfix", "smtp", "smtp", "", startAs("smtp", startPostfix)},
	{"postfix smtps", "smtps", "", "", startAs("smtps", startPostfix)},
	{"slapd", "ldap", "ldap", "", startAs("ldap", startSlapd)},
	{"slapd ldaps", "ldaps", "", modeOff, startAs("ldaps", startSlapd)}, // without TLS it hangs up and says nothing
	{"dovecot imap", "imap", "imap", "", startAs("imap", startDovecot)},
	{"dovecot imaps", "imaps", "", "", startAs("imaps", startDovecot)},
	{"dovecot pop3", "pop3", "pop3", "", startAs("pop3", startDovecot)},
	{"dovecot pop3s", "pop3s", "", "", startAs("pop3s", startDovecot)},
	{"vsftpd", "ftp", "ftp", "", startAs("ftp", startVsftpd)},
	{"vsftpd ftps", "ftps", "", "", startAs("ftps", startVsftpd)},
	{"prosody", "xmpp", "xmpp", "", startAs("xmpp", startProsody)},
	{"prosody server", "xmpp-server", "xmpp-server", "", startAs("xmpp-server", startProsody)},
	{"nats", "nats", "-", modeOld, startNATS},           // in Go, which begins with TLS 1.2
	{"ferretdb", "mongodb", "", modeOld, startMongo},    // likewise
	{"mosquitto", "mqtts", "", modeOld, startMosquitto}, // it has no setting for less than TLS 1.2
	{"rabbitmq", "amqp", "", "", startRabbitMQ},
}

// startAs makes the start of a server that speaks several protocols.
func startAs(protocol string, start func(t *testing.T, s *site, port int, mode, protocol string)) func(t *testing.T, s *site, port int, mode string) {
	return func(t *testing.T, s *site, port int, mode string) { start(t, s, port, mode, protocol) }
}

// atOnce reports whether a server begins with TLS, and not with a command for it.
func atOnce(mode, protocol string) bool { return mode != modeOff && strings.HasSuffix(protocol, "s") }

// oldTLS is OpenSSL's configuration for TLS 1.0 alone, for servers that have no
// setting of their own for it.
const oldTLS = `openssl_conf = init
[init]
ssl_conf = ssl
[ssl]
system_default = old
[old]
MinProtocol = TLSv1
MaxProtocol = TLSv1
CipherString = DEFAULT:@SECLEVEL=0
`

// openssl returns the environment of a server whose TLS OpenSSL's configuration
// decides.
func (s *site) openssl(t *testing.T, mode string) []string {
	t.Helper()
	if mode != modeOld {
		return nil
	}
	s.configure(t, "openssl.cnf", oldTLS)
	return []string{"env", "OPENSSL_CONF=/srv/t/openssl.cnf"}
}

// when returns text in one mode and nothing in others.
func when(is bool, text string) string {
	if is {
		return text
	}
	return ""
}

func startNginx(t *testing.T, s *site, port int, mode string) {
	s.configure(t, "nginx.conf", fmt.Sprintf(`user root; pid /srv/t/nginx.pid; error_log /srv/t/nginx.log; daemon off;
events {} http { access_log off; server { listen 127.0.0.1:%d%s; %s %s %s } }
`, port, when(mode != modeOff, " ssl"),
		when(mode != modeOff, "ssl_certificate /srv/t/cert.pem; ssl_certificate_key /srv/t/key.pem;"),
		when(mode == modeOld, "ssl_protocols TLSv1; ssl_ciphers DEFAULT@SECLEVEL=0;"),
		when(mode == modeClient, "ssl_verify_client on; ssl_client_certificate /srv/t/ca.pem;")))
	s.daemon(t, port, "nginx", "-c", "/srv/t/nginx.conf")
}

func startRedis(t *testing.T, s *site, port int, mode string) {
	args := []string{"redis-server", "--bind", "127.0.0.1", "--save", "", "--dir", "/tmp"}
	if mode == modeOff {
		s.daemon(t, port, append(args, "--port", fmt.Sprint(port))...)
		return
	}
	args = append(args, "--port", "0", "--tls-port", fmt.Sprint(port), "--tls-cert-file", "/srv/t/cert.pem", "--tls-key-file", "/srv/t/key.pem",
		"--tls-ca-cert-file", "/srv/t/ca.pem", "--tls-auth-clients", map[bool]string{true: "yes", false: "no"}[mode == modeClient])
	if mode == modeOld {
		args = append(args, "--tls-protocols", "TLSv1", "--tls-ciphers", "DEFAULT:@SECLEVEL=0")
	}
	s.daemon(t, port, args...)
}

func startMariaDB(t *testing.T, s *site, port int, mode string) {
	if _, err := os.Stat(filepath.Join(s.root, "srv/t/db")); err != nil {
		rig.Chroot(t, s.root, "mariadb-install-db", "--no-defaults", "--user=root", "--datadir=/srv/t/db", "--auth-root-authentication-method=normal", "--skip-test-db")
	}
	args := []string{"mariadbd", "--no-defaults", "--user=root", "--datadir=/srv/t/db", "--bind-address=127.0.0.1", fmt.Sprintf("--port=%d", port), "--socket=/srv/t/my.sock", "--pid-file=/srv/t/my.pid"}
	if mode != modeOff {
		args = append(args, "--ssl-cert=/srv/t/cert.pem", "--ssl-key=/srv/t/key.pem")
	}
	if mode == modeOld {
		args = append(args, "--tls-version=TLSv1.0", "--ssl-cipher=DEFAULT:@SECLEVEL=0")
	}
	if mode == modeClient { // it asks; an account with REQUIRE X509 demands
		args = append(args, "--ssl-ca=/srv/t/ca.pem")
	}
	s.daemon(t, port, args...)
}

func startPostfix(t *testing.T, s *site, port int, mode, protocol string) {
	rig.Write(t, filepath.Join(s.root, "etc/postfix/main.cf"), strings.Join([]string{
		"compatibility_level = 3.6", "inet_interfaces = 127.0.0.1", "inet_protocols = ipv4", "myhostname = localhost", "mydestination =",
		"maillog_file = /dev/stdout", "smtpd_peername_lookup = no", "smtpd_tls_chain_files = /srv/t/key.pem, /srv/t/cert.pem",
		"smtpd_tls_security_level = " + map[string]string{modeOff: "none", modeClient: "encrypt"}[mode] + when(mode == modeTLS || mode == modeOld, "may"),
		when(mode == modeOld, "smtpd_tls_protocols = TLSv1\nsmtpd_tls_mandatory_protocols = TLSv1\ntls_medium_cipherlist = DEFAULT:@SECLEVEL=0"),
		when(mode == modeClient, "smtpd_tls_req_ccert = yes\nsmtpd_tls_CAfile = /srv/t/ca.pem"), "",
	}, "\n"))
	rig.Chroot(t, s.root, "sh", "-ec", fmt.Sprintf(`cd /etc/postfix; sed -i '/^[a-z0-9.:]* *inet .*smtpd$/d' master.cf
echo '127.0.0.1:%d inet n - n - - smtpd%s' >> master.cf; postconf -F '*/*/chroot=n'; rm -f /var/spool/postfix/pid/master.pid`, port, when(atOnce(mode, protocol), " -o smtpd_tls_wrappermode=yes")))
	s.daemon(t, port, "postfix", "start-fg")
	t.Cleanup(func() { rig.Chroot(t, s.root, "postfix", "stop") }) // its master is in a session of its own
}

func startSlapd(t *testing.T, s *site, port int, mode, protocol string) {
	s.configure(t, "slapd.conf", strings.Join([]string{
		"include /etc/ldap/schema/core.schema", "modulepath /usr/lib/ldap", "moduleload back_mdb", "pidfile /srv/t/slapd.pid",
		when(mode != modeOff, "TLSCertificateFile /srv/t/cert.pem\nTLSCertificateKeyFile /srv/t/key.pem"),
		when(mode == modeClient, "TLSCACertificateFile /srv/t/ca.pem\nTLSVerifyClient demand"),
		when(mode == modeOld, "TLSCipherSuite NORMAL:-VERS-ALL:+VERS-TLS1.0:+SIGN-ALL"),
		"database mdb", "suffix dc=test", "directory /srv/t/ldap", "",
	}, "\n"))
	s.daemon(t, port, "slapd", "-d", "0", "-h", fmt.Sprintf("ldap%s://127.0.0.1:%d/", when(atOnce(mode, protocol), "s"), port), "-f", "/srv/t/slapd.conf")
}

func startDovecot(t *testing.T, s *site, port int, mode, protocol string) {
	tls := "ssl = no"
	if mode != modeOff {
		tls = "ssl = yes\nssl_cert = </srv/t/cert.pem\nssl_key = </srv/t/key.pem"
	}
	if mode == modeOld {
		tls += "\nssl_min_protocol = TLSv1\nssl_cipher_list = DEFAULT:@SECLEVEL=0\nimport_environment = OPENSSL_CONF"
	}
	plain, wrapped := port, 0
	if atOnce(mode, protocol) {
		plain, wrapped = wrapped, plain
	}
	s.configure(t, "dovecot.conf", fmt.Sprintf(`protocols = %[1]s
listen = 127.0.0.1
base_dir = /srv/t/dovecot
log_path = /srv/t/dovecot.log
%[3]s
%[4]s
service %[1]s-login {
  inet_listener %[1]s {
    port = %[2]d
  }
  inet_listener %[1]ss {
    port = %[5]d
  }
}
passdb {
  driver = static
  args = nopassword=y
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=/tmp
}
`, strings.TrimSuffix(protocol, "s"), plain, tls, when(mode == modeClient, "ssl_ca = </srv/t/ca.pem\nssl_verify_client_cert = yes\nauth_ssl_require_client_cert = yes\nssl_require_crl = no"), wrapped))
	s.daemon(t, port, append(s.openssl(t, mode), "dovecot", "-F", "-c", "/srv/t/dovecot.conf")...)
}

func startVsftpd(t *testing.T, s *site, port int, mode, protocol string) {
	s.configure(t, "vsftpd.conf", strings.Join([]string{
		"listen=YES", "listen_ipv6=NO", "background=NO", "listen_address=127.0.0.1", fmt.Sprintf("listen_port=%d", port), "anonymous_enable=YES",
		"secure_chroot_dir=/srv/t/empty", "seccomp_sandbox=NO", "isolate=NO", "isolate_network=NO",
		when(mode != modeOff, "ssl_enable=YES\nallow_anon_ssl=YES\nrsa_cert_file=/srv/t/cert.pem\nrsa_private_key_file=/srv/t/key.pem"),
		when(atOnce(mode, protocol), "implicit_ssl=YES"),
		when(mode == modeOld, "ssl_tlsv1=YES\nssl_ciphers=DEFAULT:@SECLEVEL=0"),
		when(mode == modeClient, "require_cert=YES\nvalidate_cert=YES\nca_certs_file=/srv/t/ca.pem"), "",
	}, "\n"))
	s.daemon(t, port, append(s.openssl(t, mode), "vsftpd", "/srv/t/vsftpd.conf")...)
}

func startProsody(t *testing.T, s *site, port int, mode, protocol string) {
	ours, other := "c2s", "s2s"
	if protocol == "xmpp-server" {
		ours, other = other, ours
	}
	s.configure(t, "prosody.cfg.lua", fmt.Sprintf(`run_as_root = true
pidfile = "/srv/t/prosody.pid"
data_path = "/srv/t/prosody"
interfaces = { "127.0.0.1" }
%s_ports = { %d }
%s_ports = { }
c2s_require_encryption = false
s2s_require_encryption = false
modules_enabled = { %s "saslauth"; "dialback" }
log = { error = "/srv/t/prosody.log" }
ssl = { certificate = "/srv/t/cert.pem"; key = "/srv/t/key.pem"; %s %s }
VirtualHost "localhost"
VirtualHost "other.test"
`, ours, port, other, when(mode != modeOff, `"tls";`),
		when(mode == modeOld, `protocol = "tlsv1"; ciphers = "DEFAULT:@SECLEVEL=0";`),
		when(mode == modeClient, `verify = { "peer" }; cafile = "/srv/t/ca.pem";`)))
	s.daemon(t, port, "prosody", "-F", "--config", "/srv/t/prosody.cfg.lua")
}

func startNATS(t *testing.T, s *site, port int, mode string) {
	args := []string{"nats-server", "-a", "127.0.0.1", "-p", fmt.Sprint(port)}
	if mode != modeOff {
		args = append(args, "--tls", "--tlscert", "/srv/t/cert.pem", "--tlskey", "/srv/t/key.pem")
	}
	if mode == modeClient {
		args = append(args, "--tlsverify", "--tlscacert", "/srv/t/ca.pem")
	}
	s.daemon(t, port, args...)
}

// startMongo runs FerretDB, which speaks MongoDB's protocol.
func startMongo(t *testing.T, s *site, port int, mode string) {
	program := filepath.Join(s.root, "usr/bin/mongodb")
	if _, err := os.Stat(program); err != nil {
		rig.Run(t, "cp", peer(t, "mongodb"), program)
	}
	args := []string{"mongodb", fmt.Sprintf("127.0.0.1:%d", port), "/srv/t/mongodb"}
	if mode != modeOff {
		args = append(args, "/srv/t/cert.pem", "/srv/t/key.pem")
	}
	if mode == modeClient {
		args = append(args, "/srv/t/ca.pem")
	}
	s.daemon(t, port, args...)
}

func startMosquitto(t *testing.T, s *site, port int, mode string) {
	s.configure(t, "mosquitto.conf", strings.Join([]string{
		"user root", "allow_anonymous true", fmt.Sprintf("listener %d 127.0.0.1", port),
		when(mode != modeOff, "certfile /srv/t/cert.pem\nkeyfile /srv/t/key.pem"),
		when(mode == modeClient, "cafile /srv/t/ca.pem\nrequire_certificate true"), "",
	}, "\n"))
	s.daemon(t, port, "mosquitto", "-c", "/srv/t/mosquitto.conf")
}

// startRabbitMQ runs a node that has a register of nodes of its own, which Erlang otherwise
// starts and leaves running.
func startRabbitMQ(t *testing.T, s *site, port int, mode string) {
	settings := []string{fmt.Sprintf("listeners.tcp.1 = 127.0.0.1:%d", port), "log.file = false", "log.console = true"}
	if mode != modeOff {
		settings = []string{
			"listeners.tcp = none", fmt.Sprintf("listeners.ssl.1 = 127.0.0.1:%d", port), "log.file = false", "log.console = true", "ssl_options.cacertfile = /srv/t/ca.pem",
			"ssl_options.certfile = /srv/t/cert.pem", "ssl_options.keyfile = /srv/t/key.pem",
			"ssl_options.verify = verify_" + map[bool]string{true: "peer", false: "none"}[mode == modeClient],
			when(mode == modeClient, "ssl_options.fail_if_no_peer_cert = true"), when(mode == modeOld, "ssl_options.versions.1 = tlsv1"),
		}
	}
	s.configure(t, "rabbitmq/rabbitmq.conf", strings.Join(settings, "\n")+"\n")
	nodes := rig.FreePort(t)
	register := fmt.Sprint("ERL_EPMD_PORT=", nodes)
	s.daemon(t, nodes, "env", register, "epmd", "-address", "127.0.0.1")
	const dir = "/srv/t/rabbitmq"
	s.daemon(t, port, "env", register, "HOME="+dir, "RABBITMQ_NODENAME=t@localhost", fmt.Sprint("RABBITMQ_DIST_PORT=", rig.FreePort(t)), "RABBITMQ_CONFIG_FILE="+dir+"/rabbitmq.conf",
		"RABBITMQ_MNESIA_BASE="+dir+"/nodes", "RABBITMQ_LOG_BASE="+dir+"/log", "RABBITMQ_ENABLED_PLUGINS_FILE="+dir+"/plugins", "/usr/lib/rabbitmq/bin/rabbitmq-server")
}
