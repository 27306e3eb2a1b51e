// Package cause says why an instruction trapped: which access or check it was,
// with the values of its operands, and what is known about the address.
//
//	read of 8 bytes at rax+0x10 = 0x10: null pointer, member at offset 16
//
// It is pure. [Explain] takes the bytes around the instruction, the registers and
// what the kernel or the CPU said about the fault; [ParseCode] and [ParseFault]
// get bytes and fault out of console text, and [FromOops] all of it. A sentence
// claims only what instruction, registers and fault prove together. Where they
// contradict each other the CPU's own word holds, and where nothing is certain
// there is no sentence.
package cause
