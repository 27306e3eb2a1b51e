package disasm

// maxInstruction is the longest instruction the CPU accepts.
const maxInstruction = 15

// inStep says how many bytes of code to leave out so that decoding lands exactly
// on mark: code may begin in the middle of an instruction, and only the place of
// the fault is certain. If no start nearby gets there, fault itself is in the
// middle of an instruction, as after a jump through a bad pointer; 0 then keeps
// what comes before as it would have run.
func inStep(code []byte, mark int) int {
	for start := range min(maxInstruction, mark+1) {
		pos := start
		for pos < mark {
			pos += decode(code[pos:]).size
		}
		if pos == mark {
			return start
		}
	}
	return 0
}
