package command_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/certgraft/certgraft/internal/command"
	"github.com/certgraft/certgraft/internal/roottest"
)

// slowly is a registry that sends and receives blobs at a limited rate in all. It
// returns the host.
func slowly(t *testing.T, r *roottest.Registry, perSecond int) string {
	t.Helper()
	var mu sync.Mutex
	free := time.Now()
	pass := func(n int) {
		mu.Lock()
		free = free.Add(time.Duration(n) * time.Second / time.Duration(perSecond))
		wait := time.Until(free)
		mu.Unlock()
		time.Sleep(wait)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.Contains(req.URL.Path, "/blobs/") {
			mu.Lock()
			if now := time.Now(); free.Before(now) {
				free = now
			}
			mu.Unlock()
			req.Body = struct {
				io.Reader
				io.Closer
			}{passing{req.Body.Read, pass}, req.Body}
			w = slowWriter{w, pass}
		}
		r.ServeHTTP(w, req)
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// passing reads or writes in pieces.
type passing struct {
	do   func([]byte) (int, error)
	pass func(int)
}

func (p passing) Read(b []byte) (int, error) {
	n, err := p.do(b[:min(len(b), 64<<10)])
	p.pass(n)
	return n, err
}

type slowWriter struct {
	http.ResponseWriter

	pass func(int)
}

func (w slowWriter) Write(b []byte) (int, error) {
	done := 0
	for done < len(b) {
		n, err := w.ResponseWriter.Write(b[done:min(len(b), done+64<<10)])
		done += n
		w.pass(n)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// screen is the text on a terminal: the last line, and every state of a line that
// was overwritten.
type screen struct {
	lines  []string
	frames []string
	now    string
	col    int
}

func (s *screen) write(text string) {
	for text != "" {
		switch {
		case strings.HasPrefix(text, "\x1b[2K"), strings.HasPrefix(text, "\x1b[K"), strings.HasPrefix(text, "\x1b[0K"):
			if s.now != "" {
				s.frames = append(s.frames, s.now)
			}
			if strings.HasPrefix(text, "\x1b[2K") {
				s.now = strings.Repeat(" ", s.col)
			} else {
				s.now = s.now[:min(s.col, len(s.now))]
			}
			text = text[strings.IndexByte(text, 'K')+1:]
		case strings.HasPrefix(text, "\x1b["): // a colour
			text = text[strings.IndexAny(text, "mhl")+1:]
		case text[0] == '\r':
			s.col, text = 0, text[1:]
		case text[0] == '\n':
			s.lines, s.now, s.col, text = append(s.lines, s.now), "", 0, text[1:]
		default:
			s.now = s.now[:min(s.col, len(s.now))] + text[:1] + s.now[min(s.col+1, len(s.now)):]
			s.col, text = s.col+1, text[1:]
		}
	}
}

// onTerminal runs the command line with a terminal as standard error, and returns
// the screen.
func onTerminal(t *testing.T, args ...string) *screen {
	t.Helper()
	control, terminal := openTerminal(t)
	said := make(chan string)
	go func() {
		data, _ := io.ReadAll(control) // it ends with an error when the other end is closed
		said <- string(data)
	}()
	var out strings.Builder
	if got := command.Run(t.Context(), append([]string{"certgraft"}, args...), strings.NewReader(""), &out, terminal); got != 0 {
		t.Errorf("certgraft %q: status %d", args, got)
	}
	terminal.Close()
	s := &screen{}
	s.write(<-said)
	return s
}

// openTerminal returns both ends of a terminal of 120 columns.
func openTerminal(t *testing.T) (control, terminal *os.File) {
	t.Helper()
	control, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("SKIPPED: this machine makes no terminals: %v", err)
	}
	t.Cleanup(func() { control.Close() })
	fd := int(control.Fd())
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	check(err)
	check(unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 25, Col: 120}))
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	check(err)
	return control, terminal
}

// noisy is a layer with a file that cannot be compressed.
func noisy(t *testing.T, name string, size int) []byte {
	t.Helper()
	data := make([]byte, size)
	r := rand.NewChaCha8([32]byte(fmt.Appendf(nil, "%32s", name)))
	_, _ = r.Read(data)
	return roottest.Tar(t, roottest.File(name, string(data)))
}

var frame = regexp.MustCompile(`(.+): ([0-9.]+) MB of ([0-9.]+) MB(?:, ([0-9.]+) MB/s)?`)

// On a terminal one bar counts the transferred bytes of all layers at their real
// rate, and leaves its line to the report.
func TestProgressOnATerminal(t *testing.T) {
	corp := filepath.Join("..", "..", "testdata", "bundles", "corp.pem")
	l := roottest.NewLayout(t)
	layers := [][]byte{roottest.Tar(t, roottest.File("etc/ssl/certs/ca-certificates.crt", ""), roottest.File("usr/local/bin/node", ""))} // it causes a note
	for i := range 8 {
		layers = append(layers, noisy(t, fmt.Sprint("opt/", i), 1200<<10))
	}
	from := l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: layers}), "x")
	const all, perSecond = 9.83, 5.0 // MB
	fast := roottest.NewRegistry(t)
	run(t, 0, "patch", from, corp, "--tag", fast.Host+"/there:1", "--env", "none")
	for what, args := range map[string][]string{
		"read": {"patch", slowly(t, fast, perSecond*1e6) + "/there:1", newCA(t, "more.pem"), "--dry-run"},
		"sent": {"patch", from, corp, "--tag", slowly(t, roottest.NewRegistry(t), perSecond*1e6) + "/app:1"},
	} {
		t.Run(what, func(t *testing.T) {
			began := time.Now()
			s := onTerminal(t, append(args, "--cache", t.TempDir(), "--scan", "all", "--jobs", "1", "--env", "none")...)
			took := time.Since(began)
			rates, was := 0, 0.0
			for _, text := range s.frames {
				m := frame.FindStringSubmatch(text)
				if m == nil {
					continue
				}
				done, total, rate := megabytes(t, m[2]), megabytes(t, m[3]), 0.0
				if done < was || done > total || total > all*1.02 || total < all*0.8 {
					t.Errorf("after %.1f MB it shows %q", was, text)
				}
				was = done
				if m[4] == "" {
					continue
				}
				if rate = megabytes(t, m[4]); rate > perSecond*2 || rate < all/took.Seconds()/4 {
					t.Errorf("at %.1f MB/s it shows %q", perSecond, text)
				}
				rates++
			}
			if rates < 3 || was < all/2 {
				t.Errorf("%d rates, and %.1f of %.1f MB in the end:\n%s", rates, was, all, strings.Join(s.frames, "\n"))
			}
			for _, line := range append(s.lines, s.now) {
				if strings.ContainsAny(line, "█▒%|") || frame.MatchString(line) {
					t.Errorf("the bar stays behind: %q", line)
				}
			}
			if text := strings.Join(s.lines, "\n"); s.now != "" || !strings.Contains("\n"+text, "\ncertgraft: ") || !strings.Contains(text, "Node") {
				t.Errorf("%q and then %q", s.lines, s.now)
			}
		})
	}
}

// If standard error is not a terminal, no line is overwritten.
func TestProgressInAFile(t *testing.T) {
	corp := filepath.Join("..", "..", "testdata", "bundles", "corp.pem")
	l := roottest.NewLayout(t)
	from := l.Tag(l.Image(roottest.Image{Packed: "gzip", Layers: [][]byte{roottest.Tar(t, roottest.File("etc/ssl/certs/ca-certificates.crt", "")), noisy(t, "opt/a", 2<<20)}}), "x")
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out strings.Builder
	if got := command.Run(t.Context(), []string{"certgraft", "patch", from, corp, "--tag", slowly(t, roottest.NewRegistry(t), 4e6) + "/app:1", "--cache", t.TempDir()}, strings.NewReader(""), &out, f); got != 0 {
		t.Errorf("status %d", got)
	}
	data, err := os.ReadFile(f.Name())
	if err != nil || strings.ContainsAny(string(data), "\r\x1b█") || !strings.HasSuffix(string(data), "\n") {
		t.Errorf("%q %v", data, err)
	}
}

func megabytes(t *testing.T, text string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
