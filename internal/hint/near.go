package hint

import "strings"

// Near returns up to 5 names that contain word, or that a typing error could have
// turned into word.
func Near(word string, names []string) (near []string) {
	for _, name := range names {
		if len(word) > 2 && strings.Contains(name, word) || distance(word, name) <= min(2, len(word)/3) {
			near = append(near, name)
		}
	}
	return near[:min(len(near), 5)]
}

// distance is the Levenshtein distance of two names.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		above := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := above
			if a[i] != b[j] {
				cost = 1 + min(above, row[j], row[j+1])
			}
			above, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
