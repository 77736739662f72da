package command

import (
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/certgraft/certgraft/internal/command/words"
)

// choices are the words that a flag takes, in the order of the help, each with its
// meaning.
type choices[T any] []choice[T]

type choice[T any] struct {
	word  string
	means T
}

func (c choices[T]) words() (all []string) {
	for _, one := range c {
		all = append(all, one.word)
	}
	return all
}

// find returns the meaning of the word that a flag was given.
func (c choices[T]) find(flag, word string) (T, error) {
	i := slices.IndexFunc(c, func(one choice[T]) bool { return one.word == word })
	if i < 0 {
		var none T
		return none, usagef("--%s %s: it is %s", flag, word, words.Or(c.words()))
	}
	return c[i].means, nil
}

// wordFlag is a flag that takes words, which completion offers.
type wordFlag struct {
	*cli.StringFlag
	words  []string
	others bool // the flag takes other values too
}

// Words returns the words, and whether the flag takes other values too.
func (f wordFlag) Words() (words []string, others bool) { return f.words, f.others }

// wordsFlag is a wordFlag that may be repeated. It takes other values too.
type wordsFlag struct {
	*cli.StringSliceFlag
	words []string
}

// Words returns the words.
func (f wordsFlag) Words() (words []string, others bool) { return f.words, true }
