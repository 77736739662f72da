package step

import "encoding/json"

// saved is a step between two processes: the first enters it, the second leaves
// it.
type saved struct {
	Root, Name, Source string
	Alone, Tool        bool
	Kept               map[string]kept
}

// Save returns the data with which [Load] can leave the step in another process.
func (s *Step) Save() ([]byte, error) {
	return json.Marshal(saved{s.opt.Root, s.owner.name, s.owner.Source, s.alone, s.tool, s.kept})
}

// Load returns a step that another process entered, for [Step.Leave]. The root is
// the same as in Enter.
func Load(opt Options, data []byte) (*Step, error) {
	var was saved
	if err := json.Unmarshal(data, &was); err != nil {
		return nil, err
	}
	opt.Root = was.Root
	return &Step{opt, &owner{name: was.Name, Source: was.Source}, was.Alone, was.Kept, was.Tool}, nil
}
