package page

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/certgraft/certgraft/certs"
	"github.com/certgraft/certgraft/internal/roottest"
)

// endingIn makes a certificate for each year. The certificate expires in that
// year.
func endingIn(t *testing.T, years ...int) []*certs.Certificate {
	t.Helper()
	var list []*certs.Certificate
	for _, year := range years {
		ca := roottest.NewCA(t, "a", func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Date(year-1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC)
		})
		for c := range testSet(t, ca).All() {
			list = append(list, c)
		}
	}
	return list
}

func TestChartColumns(t *testing.T) {
	now := time.Date(2027, 1, 15, 0, 0, 0, 0, time.UTC)
	var each []int
	for year := 2000; year < 2100; year++ {
		each = append(each, year)
	}
	for _, test := range []struct {
		name  string
		years []int
		want  string
	}{
		{"this year", []int{2027, 2027}, "2027:2"},
		{"short gaps are years without a bar", []int{2028, 2031}, "2027:0 2028:1 2029:0 2030:0 2031:1"},
		{"a long gap is one column", []int{2025, 2121}, "2025:1 2026:0 2027:0 gap2028–2120 2121:1"},
		{"the last year there is", []int{9999}, "2027:0 gap2028–9998 9999:1"},
		{"too many years for one each", each, ""},
	} {
		columns := chartColumns(endingIn(t, test.years...), now)
		var got []string
		held := 0
		for _, col := range columns {
			held += len(col.certs)
			if col.gap {
				got = append(got, "gap"+col.years())
				continue
			}
			got = append(got, col.years()+":"+string(rune('0'+len(col.certs))))
		}
		if test.want != "" && strings.Join(got, " ") != test.want {
			t.Errorf("%s: columns are %s, want %s", test.name, strings.Join(got, " "), test.want)
		}
		if held != len(test.years) || len(columns) > mostColumns {
			t.Errorf("%s: %d columns hold %d of %d certificates", test.name, len(columns), held, len(test.years))
		}
	}
}

func TestDistance(t *testing.T) {
	now := time.Date(2027, 1, 15, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		then time.Time
		want string
	}{
		{now.Add(time.Hour), "in less than a day"},
		{now.Add(-time.Hour), "less than a day ago"},
		{now.AddDate(0, 0, 1), "in 1 day"},
		{now.AddDate(0, 0, -89), "89 days ago"},
		{now.AddDate(0, 0, 120), "in 4 months"},
		{now.AddDate(3, 0, 0), "in 3 years"},
		{time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), "in 7972 years"}, // beyond a time.Duration
	} {
		if got := distance(now, test.then); got != test.want {
			t.Errorf("%s is %s, want %s", test.then, got, test.want)
		}
	}
}
