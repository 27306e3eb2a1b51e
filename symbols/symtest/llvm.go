package symtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"path"
	"strconv"
	"testing"
)

// Frame is one level of a reference symbolizer's answer.
type Frame struct {
	Func string
	File string // cleaned; "" when not known
	Line int
}

// String prints the frame as file:line and function.
func (f Frame) String() string { return fmt.Sprintf("%s:%d %s", f.File, f.Line, f.Func) }

// LLVM asks llvm-symbolizer for the code at the addresses of an object, innermost
// first for each, and skips the test loudly when it is not installed.
func LLVM(tb testing.TB, object string, addrs []uint64) [][]Frame {
	tb.Helper()
	tool, err := exec.LookPath("llvm-symbolizer")
	if err != nil {
		tb.Skip("SKIPPED, nothing was compared: llvm-symbolizer is not installed (package llvm)")
	}
	var in bytes.Buffer
	for _, a := range addrs {
		fmt.Fprintf(&in, "%#x\n", a)
	}
	cmd := exec.CommandContext(tb.Context(), tool, "--inlines", "--functions=linkage", "--no-demangle",
		"--output-style=JSON", "--obj="+object)
	cmd.Stdin = &in
	out, err := cmd.Output()
	if err != nil {
		tb.Fatalf("run llvm-symbolizer: %v", err)
	}
	answers := make(map[uint64][]Frame, len(addrs))
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		a, frames := decodeLLVM(tb, d)
		answers[a] = frames
	}
	list := make([][]Frame, len(addrs))
	for i, a := range addrs {
		list[i] = answers[a]
	}
	return list
}

func decodeLLVM(tb testing.TB, d *json.Decoder) (uint64, []Frame) {
	tb.Helper()
	var answer struct {
		Address string
		Symbol  []struct {
			FunctionName, FileName string
			Line                   int
		}
	}
	if err := d.Decode(&answer); err != nil {
		tb.Fatalf("decode answer of llvm-symbolizer: %v", err)
	}
	a, err := strconv.ParseUint(answer.Address, 0, 64)
	if err != nil {
		tb.Fatalf("decode answer of llvm-symbolizer: %v", err)
	}
	var frames []Frame
	for _, s := range answer.Symbol {
		if s.FileName != "" {
			s.FileName = path.Clean(s.FileName)
		}
		frames = append(frames, Frame{s.FunctionName, s.FileName, s.Line})
	}
	return a, frames
}
