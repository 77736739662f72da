package audit

// Level is how grave a finding is, in the words of SARIF.
type Level string

// The levels. A note is no reason to fail.
const (
	Error   Level = "error"
	Warning Level = "warning"
	Note    Level = "note"
)

// Rule is one kind of fault that check looks for.
type Rule struct {
	ID    string
	Level Level
	Says  string // what the rule looks for
	Cure  string // what to do about a finding
}

// Rules are all rules, in the order of the report.
var Rules = []Rule{
	{"distrusted", Error, "A store holds a CA that others distrust.", "Take it out with certgraft distrust, or update the package that brings it."},
	{"missing", Error, "A store does not hold a CA that the policy requires.", "Install it with certgraft install or certgraft patch."},
	{"not-allowed", Error, "A store holds a CA that the policy does not allow.", "Find out who put it there; certgraft remove takes out what certgraft installed."},
	{"forbidden", Error, "A store holds a CA that the policy forbids.", "Take it out with certgraft distrust; certgraft install --sync takes out what its source no longer holds."},
	{"unreadable", Error, "A store is damaged, so that programs lose some or all of it.", "certgraft install repairs a bundle that it edits."},
	{"expired", Warning, "A store holds a CA that has expired.", "Update the package or the source that brings it."},
	{"expiring", Warning, "A CA in a store expires within the time of the policy.", "Install its successor beside it now."},
	{"weak", Warning, "A CA in a store has a key that strict programs refuse.", "Ask its owner for a CA with a longer key."},
	{"disagree", Warning, "One store holds a CA that another does not.", "certgraft install SOURCE puts a CA into every store."},
	{"limited", Note, "A CA is trusted only for what it issued before a date.", "Nothing must be done now; plan for its end."},
}

func ruleOf(id string) *Rule {
	for i := range Rules {
		if Rules[i].ID == id {
			return &Rules[i]
		}
	}
	return nil
}
