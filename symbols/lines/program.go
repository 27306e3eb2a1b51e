package lines

import (
	"ktrap/symbols/dwarfx"
)

// Standard and extended opcodes of line programs.
const (
	lnsCopy           = 1
	lnsAdvancePC      = 2
	lnsAdvanceLine    = 3
	lnsSetFile        = 4
	lnsSetColumn      = 5
	lnsNegateStmt     = 6
	lnsConstAddPC     = 8
	lnsFixedAdvancePC = 9

	lneEndSequence = 1
	lneSetAddress  = 2
)

// row is one row of the line table.
type row struct {
	addr   uint64
	file   uint32
	line   uint32
	column uint16
	stmt   bool
}

// machine is the state machine of DWARF section 6.2.
type machine struct {
	*header
	b     dwarfx.Buf
	state row
	rows  []row // of all sequences
	first int   // where those of the sequence being built start
	seqs  []sequence
}

// run executes the whole program. The rows of damaged programs are kept as far
// as they are sound. Rows are put into buf as far as it reaches.
func (h *header) run(buf []row) ([]sequence, []row, error) {
	m := &machine{header: h, b: h.program, rows: buf[:0]}
	if usual := h.program.Len() / 4; cap(buf) < usual {
		m.rows = make([]row, 0, usual) // slices.Grow would touch all of it
	}
	m.reset()
	if h.lineRange == 0 || h.opcodeBase == 0 {
		m.b.Fail("line range %d, opcode base %d", h.lineRange, h.opcodeBase)
	}
	for m.b.Len() > 0 {
		op := m.b.U8()
		switch {
		case op >= h.opcodeBase:
			m.special(op)
		case op == 0:
			m.extended()
		default:
			m.standard(op)
		}
	}
	return m.seqs, m.rows, m.b.Err()
}

func (m *machine) reset() { m.state = row{file: 1, line: 1, stmt: m.defaultIs} }

func (m *machine) special(op uint8) {
	adjusted := uint32(op - m.opcodeBase)
	steps := adjusted / m.lineRange
	m.state.addr += uint64(steps) * m.minInst
	m.advanceLine(m.lineBase + int64(adjusted-steps*m.lineRange))
	m.emit()
}

func (m *machine) advanceLine(n int64) { m.state.line = uint32(int64(m.state.line) + n) }

func (m *machine) standard(op uint8) {
	switch op {
	case lnsCopy:
		m.emit()
	case lnsAdvancePC:
		m.state.addr += m.b.Uleb() * m.minInst
	case lnsAdvanceLine:
		m.advanceLine(m.b.Sleb())
	case lnsSetFile:
		m.state.file = uint32(min(m.b.Uleb(), 1<<32-1))
	case lnsSetColumn:
		m.state.column = uint16(min(m.b.Uleb(), 1<<16-1))
	case lnsNegateStmt:
		m.state.stmt = !m.state.stmt
	case lnsConstAddPC:
		m.state.addr += uint64(uint32(255-m.opcodeBase)/m.lineRange) * m.minInst
	case lnsFixedAdvancePC:
		m.state.addr += uint64(m.b.U16())
	default:
		for range m.opcodeLen[op-1] {
			m.b.Uleb()
		}
	}
}

func (m *machine) extended() {
	n := m.b.Uleb()
	body := dwarfx.NewBuf(".debug_line", m.b.Bytes(n), 0)
	if n == 0 || m.b.Err() != nil {
		return
	}
	switch body.U8() {
	case lneEndSequence:
		m.end()
	case lneSetAddress:
		if n == 9 || n == 5 {
			m.state.addr = body.Uint(int(n - 1))
		}
	}
}

// emit appends a row, unless it says nothing new.
func (m *machine) emit() {
	if n := len(m.rows); n > m.first {
		last := &m.rows[n-1]
		switch {
		case m.state.addr < last.addr:
			// Only a damaged program goes back; what it has is kept apart.
			m.finish(last.addr)
		case m.state.addr == last.addr && m.state.line == last.line && m.state.file == last.file:
			last.stmt = last.stmt || m.state.stmt
			last.column = m.state.column
			return
		}
	}
	m.rows = append(m.rows, m.state)
}

func (m *machine) end() {
	m.finish(m.state.addr)
	m.reset()
}

func (m *machine) finish(high uint64) {
	if rows := m.rows[m.first:]; len(rows) > 0 && rows[0].addr < high {
		m.seqs = append(m.seqs, sequence{dwarfx.Range{Low: rows[0].addr, High: high}, rows})
		m.first = len(m.rows)
	}
	m.rows = m.rows[:m.first]
}
