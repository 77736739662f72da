package command

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// shown keeps the last state of a bar.
type shown struct{ sum sum }

func (s *shown) update(to sum) { s.sum = to }
func (s *shown) hide()         {}
func (s *shown) clear()        {}

// One bar counts the bytes of all transfers, repeated ones too, at their real
// rate.
func TestProgressCountsAllTransfers(t *testing.T) {
	at := time.Unix(1000, 0)
	show := &shown{}
	all := &transfers{now: func() time.Time { return at }, show: show}
	for _, step := range []struct {
		what        string
		done, total int64
		want        string
	}{
		{"download a", 0, 10e6, "download a: 0 B of 10.0 MB"},
		{"download b", 1e6, 30e6, "transfers: 1.0 MB of 40.0 MB, 1.0 MB/s"},
		{"download a", 10e6, 10e6, "transfers: 11.0 MB of 40.0 MB, 5.5 MB/s"},
		{"download b", 0, 30e6, "transfers: 11.0 MB of 41.0 MB, 3.7 MB/s"},
		{"download b", 30e6, 30e6, "transfers: 41.0 MB of 41.0 MB, 10.2 MB/s"},
	} {
		all.update(step.what, step.done, step.total)
		if got := show.sum.String(); got != step.want {
			t.Errorf("%s %d: %q, want %q", step.what, step.done, got, step.want)
		}
		at = at.Add(time.Second)
	}
	at = at.Add(time.Minute) // the image is edited
	all.update("send c", 0, 8e6)
	at = at.Add(2 * time.Second)
	all.update("send c", 4e6, 8e6)
	if got := show.sum.String(); got != "send c: 4.0 MB of 8.0 MB, 2.0 MB/s" {
		t.Errorf("after a pause: %q", got)
	}
	all.update("send c", 8e6, 8e6)
	all.update("download d", 1e6, 2e6) // another round begins at once
	if got := show.sum.String(); got != "download d: 1.0 MB of 2.0 MB" {
		t.Errorf("after all was sent: %q", got)
	}
	all.clear()
	for _, done := range []int64{5, 3} { // the download was restarted
		all.update("https://x.example/a.pem", done, -1)
	}
	if got := show.sum.String(); got != "download x.example: 8 B" {
		t.Errorf("%q", got)
	}
}

// A log gets a line now and then, and no frame of a bar.
func TestProgressInLogs(t *testing.T) {
	var log bytes.Buffer
	at := time.Unix(1000, 0)
	all := &transfers{now: func() time.Time { return at }, show: &logLines{p: &printer{err: &log}}}
	for i := range int64(40) {
		all.update("send a", i*1e6, 40e6)
		at = at.Add(time.Second)
	}
	if got := log.String(); got != "send a: 15.0 MB of 40.0 MB, 1.0 MB/s\nsend a: 30.0 MB of 40.0 MB, 1.0 MB/s\n" || strings.Contains(got, "\x1b") {
		t.Errorf("%q", got)
	}
}
