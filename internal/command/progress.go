package command

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// downloads returns two functions. The first takes the progress of each transfer,
// the second ends the display. A terminal shows a bar. A log, which would keep
// every frame of a bar, gets a line now and then.
func (p *printer) downloads() (progress func(what string, done, total int64), clear func()) {
	if p.quiet || p.json {
		return nil, func() {}
	}
	if p.moving == nil {
		p.moving = &transfers{now: time.Now, show: &logLines{p: p}}
		if isTerminal(p.err) {
			p.moving.show = &bar{p: p}
		}
	}
	return p.moving.update, p.moving.clear
}

// transfers counts the bytes that all transfers have moved. It is safe for
// concurrent use.
type transfers struct {
	now  func() time.Time
	show interface {
		update(s sum)
		hide() // until the next update
		clear()
	}

	mu   sync.Mutex
	all  map[string]transfer
	sum  sum
	from time.Time
	last time.Time // the last progress
	verb string    // the verb of the last progress
}

// idle is the longest pause within one round of transfers. A new round also starts
// when the layers are read and the edited layers are sent. The pause between two
// rounds must not count in the rate.
const idle = time.Second

type transfer struct{ done, total int64 }

// sum adds all transfers up. Total is -1 if the size of one is unknown.
type sum struct {
	what        string
	done, total int64
	took        time.Duration
}

// update takes the progress of one transfer. A transfer with less progress than
// before was restarted: its earlier bytes still count.
func (t *transfers) update(what string, done, total int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	verb, _, _ := strings.Cut(described(what), " ")
	if t.all != nil && t.sum.done == t.sum.total && (verb != t.verb || t.now().Sub(t.last) > idle) {
		t.reset()
	}
	t.last, t.verb = t.now(), verb
	if t.all == nil {
		t.all, t.sum, t.from = map[string]transfer{}, sum{what: described(what)}, t.now()
	}
	was, known := t.all[what]
	if known && done < was.done {
		if t.sum.total >= 0 {
			t.sum.total -= was.total - was.done
		}
		was, known = transfer{}, false
	}
	if !known {
		if len(t.all) > 0 && t.sum.what != described(what) {
			t.sum.what = "transfers"
		}
		t.add(total)
	}
	t.sum.done += done - was.done
	t.all[what] = transfer{done, total}
	t.sum.took = t.now().Sub(t.from)
	t.show.update(t.sum)
}

func (t *transfers) add(total int64) {
	if total < 0 || t.sum.total < 0 {
		t.sum.total = -1
		return
	}
	t.sum.total += total
}

// clear ends the display. The next transfer is counted from zero.
func (t *transfers) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reset()
}

// aside hides the display and calls do. The next progress shows it again.
func (t *transfers) aside(do func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.show.hide()
	do()
}

func (t *transfers) reset() {
	t.all = nil
	t.show.clear()
}

// bar is the one bar on a terminal. It holds the library as functions. Through a
// value in an interface the linker would keep an HTTP server that the library's
// type has.
type bar struct {
	p   *printer
	set func(sum) // nil before the first
	end func()
}

func (b *bar) update(s sum) {
	if b.set == nil {
		b.begin(s)
	}
	b.set(s)
}

func (b *bar) begin(s sum) {
	shown := progressbar.NewOptions64(s.max(), progressbar.OptionSetWriter(b.p.err), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetElapsedTime(false), progressbar.OptionSetPredictTime(false), progressbar.OptionSetWidth(30), progressbar.OptionUseANSICodes(true))
	b.set = func(s sum) {
		shown.ChangeMax64(s.max())
		shown.Describe(s.String())
		_ = shown.Set64(s.done) // a terminal that cannot be written shows no bar
	}
	b.end = func() { _ = shown.Clear() }
}

// max returns the end of the bar: one byte after the last. A bar that is full does
// not continue, and further bytes may follow.
func (s sum) max() int64 {
	if s.total < 0 {
		return -1
	}
	return s.total + 1
}

func (b *bar) clear() { b.hide() }

func (b *bar) hide() {
	if b.set != nil {
		b.end()
		b.set, b.end = nil, nil
	}
}

// logLines writes now and then to a log how far the transfers are.
type logLines struct {
	p    *printer
	last time.Duration
}

// lineEvery is the time between two lines in a log.
const lineEvery = 15 * time.Second

func (l *logLines) update(s sum) {
	if s.took-l.last < lineEvery {
		return
	}
	l.last = s.took
	fmt.Fprintln(l.p.err, s)
}

func (l *logLines) hide() {}

func (l *logLines) clear() { l.last = 0 }

// String says which data was moved, and how fast if enough time has passed.
func (s sum) String() string {
	text := s.what + ": " + size(s.done)
	if s.total >= 0 {
		text += " of " + size(s.total)
	}
	if s.took >= time.Second/2 {
		text += ", " + size(int64(float64(s.done)/s.took.Seconds())) + "/s"
	}
	return text
}

// described names a transfer: a URL by its host, any other by its own text.
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
