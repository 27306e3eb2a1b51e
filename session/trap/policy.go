package trap

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ktrap/symbols/oops"
)

// Action is what happens when a report of a class is complete.
type Action uint8

// The actions.
const (
	Stop Action = iota // the guest stays stopped and every client is told
	Log                // the report is written and the guest goes on
	Off                // nothing
)

var actionNames = []string{"stop", "log", "off"}

// String gives the word used on the command line.
func (a Action) String() string { return actionNames[a] }

// Rule is the policy of one class: Action from the From-th hit on, Log before.
type Rule struct {
	Action Action
	From   int
}

// Policy says what to do about each class; a class without a rule stops.
// The zero value stops at everything.
type Policy struct {
	rules map[oops.Class]Rule
	hits  map[oops.Class]int
}

// ParsePolicy reads the command line's form: CLASS=ACTION[:N] separated by
// commas, `all` for every class. Later words win.
func ParsePolicy(words ...string) (*Policy, error) {
	p := &Policy{hits: make(map[oops.Class]int)}
	for _, list := range words {
		if err := p.Change(list); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Change adds rules, as ParsePolicy reads them, to those that hold. When it fails
// some of them may have been taken.
func (p *Policy) Change(words string) error {
	if p.rules == nil {
		p.rules = make(map[oops.Class]Rule)
	}
	for word := range strings.SplitSeq(words, ",") {
		if word = strings.TrimSpace(word); word == "" {
			continue
		}
		if err := p.parse(word); err != nil {
			return err
		}
	}
	return nil
}

// String lists the rules, those that stop at once left out.
func (p *Policy) String() string {
	var out []string
	for _, c := range oops.Classes() {
		if p == nil {
			break
		}
		r, ok := p.rules[c]
		if !ok || r == (Rule{Action: Stop, From: 1}) {
			continue
		}
		text := fmt.Sprintf("%s=%v", c, r.Action)
		if r.From > 1 {
			text += fmt.Sprintf(":%d", r.From)
		}
		out = append(out, text)
	}
	if out == nil {
		return "stop at everything"
	}
	return strings.Join(out, ",")
}

func (p *Policy) parse(word string) error {
	class, act, ok := strings.Cut(word, "=")
	if !ok {
		return fmt.Errorf("parse policy %q: want CLASS=stop|log|off[:N]", word)
	}
	r := Rule{From: 1}
	act, from, counted := strings.Cut(act, ":")
	i := slices.Index(actionNames, act)
	if i < 0 {
		return fmt.Errorf("parse policy %q: unknown action %q (stop, log or off)", word, act)
	}
	r.Action = Action(i)
	if counted {
		n, err := strconv.Atoi(from)
		if err != nil || n < 1 {
			return fmt.Errorf("parse policy %q: %q is no count of hits (1, 2, ...)", word, from)
		}
		r.From = n
	}
	if class == "all" {
		for _, c := range oops.Classes() {
			p.rules[c] = r
		}
		return nil
	}
	c := oops.Class(class)
	if !slices.Contains(oops.Classes(), c) {
		return fmt.Errorf("parse policy %q: unknown class %q (one of %s, or all)", word, class, join(oops.Classes()))
	}
	p.rules[c] = r
	return nil
}

// Decide counts a hit of the class and says what to do about it.
func (p *Policy) Decide(c oops.Class) Action {
	if p == nil {
		return Stop
	}
	if p.hits == nil {
		p.hits = make(map[oops.Class]int)
	}
	p.hits[c]++
	r, ok := p.rules[c]
	if !ok {
		return Stop
	}
	if r.Action == Stop && p.hits[c] < r.From {
		return Log
	}
	if r.Action != Stop && p.hits[c] < r.From {
		return Stop
	}
	return r.Action
}

func join(classes []oops.Class) string {
	words := make([]string, len(classes))
	for i, c := range classes {
		words[i] = string(c)
	}
	return strings.Join(words, " ")
}
