package installer

// advise names what in the root does not trust what was installed.
func (e *edit) advise() {
	e.tellHooks()
}
