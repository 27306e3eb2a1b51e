package oops

import "sync"

// marks finds the marks of all heads in one pass over a line (Aho and Corasick:
// an automaton whose states are the starts of marks). Nearly every line of a log
// has none, so this is what a log costs.
type marks struct {
	class [256]uint8 // bytes that no mark holds are class 0
	width uint32     // classes
	next  []uint32   // the state after a byte: next[state+class]; states count in steps of width
	found []uint64   // marks that end in a state, by the index of their head
}

// ends is set in next for states in which a mark ends.
const ends = 1 << 31

var headMarks = sync.OnceValue(func() *marks {
	table := heads()
	words := make([]string, len(table))
	for i := range table {
		words[i] = table[i].mark
	}
	return newMarks(words, func(i int) uint64 { return 1 << i })
})

// newMarks builds the automaton. set gives what is found where a word ends.
func newMarks(words []string, set func(i int) uint64) *marks {
	m := &marks{width: 1}
	states := 1 // at most
	for _, w := range words {
		for i := range len(w) {
			if m.class[w[i]] == 0 {
				m.class[w[i]] = uint8(m.width)
				m.width++
			}
		}
		states += len(w)
	}
	m.next, m.found = make([]uint32, 0, states*int(m.width)), make([]uint64, 0, states)
	m.addState()
	for i, w := range words {
		m.found[m.path(w)] |= set(i)
	}
	m.link()
	for i, s := range m.next {
		if s != 0 && m.found[s/m.width] != 0 {
			m.next[i] = s | ends
		}
	}
	return m
}

func (m *marks) addState() (state uint32) {
	state = uint32(len(m.next))
	m.next = m.next[:len(m.next)+int(m.width)]
	m.found = append(m.found, 0)
	return state
}

// path adds the states of a word and gives the number of the last.
func (m *marks) path(word string) uint32 {
	s := uint32(0)
	for i := range len(word) {
		edge := s + uint32(m.class[word[i]])
		if m.next[edge] == 0 {
			added := m.addState()
			m.next[edge] = added
		}
		s = m.next[edge]
	}
	return s / m.width
}

// link adds the edges by which a start that does not go on falls back to the
// longest end of it that is a start too. States are taken shortest first.
func (m *marks) link() {
	fall := make([]uint32, len(m.found)) // by the number of a state
	queue := append(make([]uint32, 0, len(m.found)), 0)
	for i := 0; i < len(queue); i++ {
		s := queue[i]
		back := fall[s/m.width]
		m.found[s/m.width] |= m.found[back/m.width]
		for c := range m.width {
			edge := &m.next[s+c]
			if *edge == 0 {
				*edge = m.next[back+c]
				continue
			}
			if s != 0 {
				fall[*edge/m.width] = m.next[back+c]
			}
			queue = append(queue, *edge)
		}
	}
}

// in gives the set of marks that a line holds, a bit for each.
func (m *marks) in(line string) uint64 {
	var set uint64
	s := uint32(0)
	for i := range len(line) {
		s = m.next[s+uint32(m.class[line[i]])]
		if s&ends != 0 {
			s &^= ends
			set |= m.found[s/m.width]
		}
	}
	return set
}
