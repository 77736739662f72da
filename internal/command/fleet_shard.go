package command

import (
	"strconv"
	"strings"

	"github.com/certgraft/certgraft/internal/hint"
)

// shard is one of several parts of a list of images. The zero value is the whole
// list.
type shard struct{ index, count int }

// parseShard reads I/N. I counts from 0, as the JOB_COMPLETION_INDEX of a
// Kubernetes Job does.
func parseShard(text string) (shard, error) {
	if text == "" {
		return shard{}, nil
	}
	i, n, ok := strings.Cut(text, "/")
	index, err := strconv.Atoi(i)
	count, err2 := strconv.Atoi(n)
	switch {
	case !ok || err != nil || err2 != nil:
		return shard{}, hint.Add(usagef("--shard %s: it is I/N, two numbers", text), "write 0/4 for the first of four parts")
	case count < 1 || index < 0 || index >= count:
		return shard{}, hint.Add(usagef("--shard %s: I is at least 0 and less than N", text), "the parts of four are 0/4, 1/4, 2/4 and 3/4")
	}
	return shard{index: index, count: count}, nil
}

// shardOf returns the entries at positions I, I+N, I+2N … of all. The position
// counts images, not lines: a further comment moves no image to another part. Each
// image is in exactly one part, and the sizes of two parts differ by at most one.
func shardOf[T any](s shard, all []T) []T {
	if s.count == 0 {
		return all
	}
	var part []T
	for i := s.index; i < len(all); i += s.count {
		part = append(part, all[i])
	}
	return part
}
