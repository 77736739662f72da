package command

import (
	"net/url"
	"strings"
	"sync"

	"github.com/schollz/progressbar/v3"
)

// downloads returns the function that shows the progress of downloads and the
// one that clears it. Only a terminal sees a bar: build logs keep every frame.
func (p *printer) downloads() (progress func(url string, done, total int64), clear func()) {
	if !isTerminal(p.err) || p.quiet || p.json {
		return nil, func() {}
	}
	b := &bar{p: p}
	return b.update, b.clear
}

// bar is the one bar that is shown: of the download that reported last.
type bar struct {
	p     *printer
	mu    sync.Mutex
	shown string
	bar   *progressbar.ProgressBar
}

func (b *bar) update(address string, done, total int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bar == nil || b.shown != address {
		b.reset()
		b.shown = address
		b.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(b.p.err), progressbar.OptionShowBytes(true),
			progressbar.OptionSetDescription(described(address)), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetWidth(30), progressbar.OptionUseANSICodes(true))
	}
	_ = b.bar.Set64(done) // a terminal that cannot be written to shows nothing
}

func (b *bar) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reset()
}

func (b *bar) reset() {
	if b.bar != nil {
		_ = b.bar.Clear()
		b.bar = nil
	}
}

// described names a transfer: a URL by its host, another as it is.
func described(address string) string {
	if !strings.Contains(address, "://") {
		return address
	}
	return "download " + host(address)
}

func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "a bundle"
	}
	return u.Host
}
