package installer

// StoreNames returns what [Options].Stores may name: the stores that there are
// anywhere, and the names for several of them.
func StoreNames() []string {
	names := []string{"auto", "system"}
	for _, row := range stores {
		names = append(names, row.store.name())
	}
	return names
}
