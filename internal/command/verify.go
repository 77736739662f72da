package command

import (
	"context"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/bundles"
	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/command/words"
	"github.com/certgraft/certgraft/internal/hint"
	"github.com/certgraft/certgraft/internal/web"
	"github.com/certgraft/certgraft/probe"
	"github.com/certgraft/certgraft/readers"
)

// verifyOptions are the flags of certgraft verify.
type verifyOptions struct {
	trust trustOptions

	starttls, serverName, proxy, saveChain string

	timeout    time.Duration
	ipv4, ipv6 bool
}

func verifyCommand(p *printer) *cli.Command {
	o := &verifyOptions{}
	return &cli.Command{
		Name:        "verify",
		Usage:       "connect to a server as a client would, and say why it is not trusted and what to do",
		ArgsUsage:   "HOST[:PORT]|URL|CONNECTION-STRING",
		Description: "certgraft verify db.example.com:5432\ncertgraft verify --root /mnt postgres://db.example.com/app\ncertgraft verify --from-file images.txt db.example.com:5432\ncertgraft verify --with aws-rds --only db.example.com:3306\nNo data is sent, and nothing is installed from what the server sends. Exit status: 0 trusted, 5 not\ntrusted, 1 no verdict.",
		Flags:       append(o.flags(), o.trust.flags()...),
		Action: taking(1, -1, "a server (HOST, HOST:PORT, a URL or a connection string)", func(ctx context.Context, args []string) error {
			server, err := oneServer(args)
			if err != nil {
				return err
			}
			defer o.trust.imageRoot.close()
			if o.trust.imageRoot.list.given() {
				return o.fleet(ctx, p, server)
			}
			return o.run(ctx, p, server)
		}),
	}
}

// oneServer returns the server that the arguments name. A connection string of
// libpq without quotes gives several arguments.
func oneServer(args []string) (string, error) {
	for _, arg := range args[1:] {
		if !strings.Contains(arg, "=") || !strings.Contains(args[0], "=") {
			return "", hint.Add(usagef("verify: unexpected argument %q", arg), "one server is verified at a time; a connection string with spaces stands in quotes")
		}
	}
	return strings.Join(args, " "), nil
}

func (o *verifyOptions) flags() []cli.Flag {
	return []cli.Flag{
		wordFlag{&cli.StringFlag{Name: "starttls", Category: connectFlags, Usage: "speak `PROTOCOL`, tls for TLS at once: " + strings.Join(probe.ProtocolNames(), ", "), Destination: &o.starttls}, probe.ProtocolNames(), false},
		&cli.StringFlag{Name: "servername", Category: connectFlags, Usage: "ask for `NAME`, and have the certificate be for it", Destination: &o.serverName},
		&cli.DurationFlag{Name: "timeout", Category: connectFlags, Usage: "give the server up after `DURATION`", Value: 10 * time.Second, Destination: &o.timeout},
		wordFlag{&cli.StringFlag{Name: "proxy", Category: connectFlags, Usage: "have the HTTP proxy at `URL` connect; none for none (default: of the environment, for https)", Destination: &o.proxy}, []string{"none"}, true},
		&cli.BoolFlag{Name: "ipv4", Aliases: []string{"4"}, Category: connectFlags, Usage: "use IPv4 only", Destination: &o.ipv4},
		&cli.BoolFlag{Name: "ipv6", Aliases: []string{"6"}, Category: connectFlags, Usage: "use IPv6 only", Destination: &o.ipv6},
		&cli.StringFlag{Name: "save-chain", Category: outputFlags, Usage: "write what the server sent to `FILE`, to look at, not to install", TakesFile: true, Destination: &o.saveChain},
	}
}

func (o *verifyOptions) run(ctx context.Context, p *printer, arg string) error {
	now, err := p.env.now()
	if err != nil {
		return err
	}
	target, opt, err := o.connection(ctx, p, arg)
	if err != nil {
		return err
	}
	h, err := o.hearing(ctx, p, now)
	if err != nil {
		return err
	}
	var loading sync.WaitGroup
	loading.Go(func() { h.session = probe.Connect(ctx, target, opt) })
	trust, err := o.trust.load(ctx, p)
	loading.Wait()
	if err != nil {
		return err
	}
	defer trust.Close()
	if ctx.Err() != nil {
		return fmt.Errorf("verify: %w", context.Cause(ctx))
	}
	result := h.judge(trust)
	if err := o.save(h.session, &result); err != nil {
		return err
	}
	for _, w := range result.Warnings {
		p.warn(w)
	}
	if err := p.result(result, result.text); err != nil {
		return err
	}
	return verdictStatus(result.Verdict)
}

// hearing is the answer of a server, and the lists to judge it by.
type hearing struct {
	p         *printer
	session   *probe.Session
	catalogue *bundles.Catalogue
	lists     *bundles.Distrusted
	now       time.Time
}

// hearing returns a hearing before the server is asked.
func (o *verifyOptions) hearing(ctx context.Context, p *printer, now time.Time) (h hearing, err error) {
	files := catalogFiles(o.trust.fetch.catalog)
	h = hearing{p: p, now: now}
	if h.catalogue, err = bundles.Catalog(ctx, bundles.Options{Catalog: files}); err == nil {
		h.lists, err = bundles.Distrusts(ctx, bundles.Options{Catalog: files})
	}
	return h, err
}

// distrusted says why the lists of distrusted CAs block a certificate.
func (h hearing) distrusted(c *certs.Certificate) string {
	if l := h.lists.Of(c); l != nil && l.After == "" {
		return l.Said()
	}
	return ""
}

// judge says whether the asked readers would trust the server.
func (h hearing) judge(t *trust) verifyResult {
	c := readers.Case{Sent: h.session.Sent(), Host: h.session.Target.ServerName, At: h.now}
	j := t.ask(c, t.as)
	decides := j.verdict()
	report := h.session.Judge(probe.Circumstances{
		Reader: decides.Reader, Trust: decides.Trust, Damage: decides.Damage, NoStore: t.noStore(decides),
		Setting: decides.setting(), Whose: t.whom(decides), Now: h.now, Clock: h.p.env.clock(), Built: newest(h.catalogue),
		Install: t.install, Repair: t.repairing(decides), Known: known(h.catalogue), Distrusted: h.distrusted,
	})
	result := verifyResult{Schema: 1, Trust: trustResult{Root: t.root, With: t.sources}, Report: report, Warnings: t.warnings}
	if len(c.Sent) > 0 {
		report.Caveats = append(report.Caveats, j.unread()...)
		report.Caveats = append(report.Caveats, t.only(c, j)...)
		report.Caveats = append(report.Caveats, j.others()...)
		if protocol := h.session.Target.Protocol; protocol != nil && strings.HasPrefix(protocol.Name, "postgres") {
			report.Caveats = append(report.Caveats, j.unnamed("libpq")...)
		}
		report.Caveats = append(report.Caveats, h.listed(t, j, report)...)
		result.Readers = j.result()
		if len(t.as) > 0 {
			result.asked = j.asked(t.rootCert)
		}
	}
	if h.p.json {
		result.Trust = t.result(decides)
	}
	if t.root != "" && !decides.Trusted && !decides.Holds() && !t.readers.Default().Holds() {
		result.Warnings = append(result.Warnings, t.root+" has no trust store with a certificate in it: its programs trust no server, or only roots of their own")
	}
	hinted(report, h.catalogue)
	t.waiting(c, &report.Verdict)
	return result
}

// connection returns the server and how to connect to it.
func (o *verifyOptions) connection(ctx context.Context, p *printer, arg string) (probe.Target, probe.Options, error) {
	opt := probe.Options{Timeout: o.timeout}
	target, err := probe.ParseTarget(arg, o.starttls)
	switch {
	case err != nil:
		return target, opt, usagef("verify: %w", err)
	case o.timeout <= 0:
		return target, opt, usagef("--timeout %s: it is longer than nothing", o.timeout)
	case o.ipv4 && o.ipv6:
		return target, opt, usagef("--ipv4 and --ipv6 exclude each other")
	case o.ipv4:
		opt.Network = "tcp4"
	case o.ipv6:
		opt.Network = "tcp6"
	}
	o.trust.rootCert = target.RootCert
	if target, err = o.resolve(ctx, p, target); err != nil {
		return target, opt, err
	}
	if o.serverName != "" {
		target.ServerName = strings.TrimSuffix(o.serverName, ".")
	}
	opt.Proxy, err = o.proxyFor(p, target)
	return target, opt, err
}

// resolve looks a service up, and says which of several hosts is asked.
func (o *verifyOptions) resolve(ctx context.Context, p *printer, target probe.Target) (probe.Target, error) {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	found, err := target.Resolve(ctx, net.DefaultResolver.LookupSRV)
	if err != nil {
		return target, hint.Add(fmt.Errorf("verify: %w", err), "name one of its servers: certgraft verify --starttls "+target.Protocol.Name+" HOST:PORT")
	}
	if found.Others > 0 {
		p.warn(fmt.Sprintf("of %s %s is asked, the first", words.Plural(found.Others+1, "server"), found))
	}
	return found, nil
}

// proxyFor returns the proxy of --proxy. For https without the flag it returns the
// proxy of the environment.
func (o *verifyOptions) proxyFor(p *printer, target probe.Target) (*url.URL, error) {
	switch {
	case o.proxy == "none", o.proxy == "" && target.Protocol.Name != "tls":
		return nil, nil
	case o.proxy == "":
		proxy, err := web.Proxy(&http.Request{URL: &url.URL{Scheme: "https", Host: target.String()}})
		if err != nil {
			return nil, usagef("verify: %w", err)
		}
		if proxy != nil && proxy.Scheme != "http" {
			p.warn("https_proxy names a proxy of the kind " + proxy.Scheme + ", and verify connects itself: name one with --proxy http://HOST:PORT")
			return nil, nil
		}
		return proxy, nil
	}
	proxy, err := url.Parse(o.proxy)
	if err != nil || proxy.Scheme != "http" || proxy.Host == "" { // the value may hold a password
		return nil, usagef("--proxy is not http://HOST:PORT, the one kind that is known")
	}
	return proxy, nil
}

// save writes the certificates of the server as PEM.
func (o *verifyOptions) save(session *probe.Session, result *verifyResult) error {
	if o.saveChain == "" {
		return nil
	}
	if len(session.Raw) == 0 {
		result.Warnings = append(result.Warnings, "the server sent no certificate: "+o.saveChain+" is not written")
		return nil
	}
	var data []byte
	for _, raw := range session.Raw {
		data = append(data, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})...)
	}
	if err := replaceFile(o.saveChain, data); err != nil {
		return err
	}
	result.Saved = o.saveChain
	return nil
}

// verdictStatus returns the error for the exit status of a verdict. The result has
// already told the verdict.
func verdictStatus(v probe.Verdict) error {
	switch v.Status {
	case probe.Trusted:
		return nil
	case probe.NotTrusted:
		return reportedError{hint.Add(fmt.Errorf("%s: %s", v.Status, v.Text), v.Cure), exitFound}
	}
	return reportedError{hint.Add(fmt.Errorf("no verdict: %s", v.Text), v.Cure), exitFailure}
}
