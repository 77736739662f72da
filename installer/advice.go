package installer

// advise names what in the root does not trust what was installed.
func (e *edit) advise(want []wanted) {
	e.adviseRuntimes(want)
	e.tellHooks()
}
