package disasm

// maxInstruction is the longest instruction the CPU accepts.
const maxInstruction = 15

// inStep says how many bytes of code to leave out so that decoding lands exactly
// on mark: code may begin in the middle of an instruction, and only the place of
// the fault is certain. Of the starts nearby that get there, that with the fewest
// bytes of no instruction is taken. If none does, fault itself is in the middle of
// an instruction, as after a jump through a bad pointer; 0 then keeps what comes
// before as it would have run.
func inStep(code []byte, mark int) int {
	best, lost := 0, len(code)+1
	for start := range min(maxInstruction, mark+1) {
		pos, bad := start, start
		for pos < mark && bad < lost {
			d := decode(code[pos:])
			pos += d.size
			if d.bad {
				bad += d.size
			}
		}
		if pos == mark && bad < lost {
			best, lost = start, bad
		}
	}
	return best
}
