package types

import (
	"bytes"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/dwarfx"
	"ktrap/symbols/symtest"
)

// In random functions of a kernel, at a random pc, every argument and local
// must have the location that llvm-dwarfdump prints for that pc.
func TestRealLocationsAreThoseOfDwarfdump(t *testing.T) {
	if os.Getenv(peersEnv) == "" {
		t.Skipf("SKIPPED, nothing was compared: set %s to compare locations with llvm-dwarfdump", peersEnv)
	}
	tool, err := exec.LookPath("llvm-dwarfdump")
	if err != nil {
		t.Skip("SKIPPED, nothing was compared: llvm-dwarfdump is not installed (package llvm)")
	}
	for _, path := range symtest.Vmlinuxes(t) {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			info := New(openELF(t, path))
			d, err := info.loadDWARF()
			if err != nil {
				t.Skip("SKIPPED, nothing was compared: ", err)
			}
			compared, located := 0, 0
			for _, pc := range randomPCs(t, info, 100) {
				sub, _, ok := info.subprogramAt(d, uint64(pc))
				scopes, err := info.Scopes(pc)
				if !ok || err != nil {
					continue // assembly
				}
				text, err := exec.CommandContext(t.Context(), tool, fmt.Sprintf("--debug-info=%#x", sub.off), "--show-children", path).Output()
				if err != nil {
					t.Fatal(err)
				}
				want := dumped(t, string(text), uint64(pc))
				for _, s := range scopes {
					for _, v := range s.Vars {
						got := disassemble(t, v.expr)
						if compared++; got != "" {
							located++
						}
						if all, ok := want[v.order]; !ok && len(v.expr) > 0 || ok && !slices.Contains(all, got) {
							t.Errorf("%#x %s: %s is at %q, llvm-dwarfdump says %q", uint64(pc), s.Func, v.Name, got, all)
						}
					}
				}
			}
			t.Logf("%d arguments and locals compared, %d have a location", compared, located)
			if located < 100 {
				t.Error("too little was compared")
			}
		})
	}
}

func randomPCs(t *testing.T, info *Info, count int) (pcs []addr.LinkAddr) {
	t.Helper()
	all, err := info.src.(symbols).AllSymbols()
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(5, 11))
	for s := range all {
		if s.Type == elf.STT_FUNC && s.Size > 0 {
			pcs = append(pcs, addr.LinkAddr(s.Value+r.Uint64N(s.Size)))
		}
	}
	r.Shuffle(len(pcs), func(i, j int) { pcs[i], pcs[j] = pcs[j], pcs[i] })
	return pcs[:min(count, len(pcs))]
}

var (
	dumpEntry  = regexp.MustCompile(`^(0x[0-9a-f]+): +DW_TAG_(\w+)`)
	dumpOrigin = regexp.MustCompile(`DW_AT_abstract_origin\s+\((0x[0-9a-f]+)`)
	dumpList   = regexp.MustCompile(`^\s+\[(0x[0-9a-f]+), (0x[0-9a-f]+)\): (.*?)\)?$`)
	dumpExpr   = regexp.MustCompile(`DW_AT_location\s+\((DW_OP.*)\)$`)
)

// dumped gives the locations at a pc of the variables in a dump, by the offset
// of their declaration; inlined instances share it.
func dumped(t *testing.T, text string, pc uint64) map[uint64][]string {
	out := make(map[uint64][]string)
	for entry := range strings.SplitSeq(text, "\n\n") {
		entry = strings.TrimLeft(entry, "\n")
		m := dumpEntry.FindStringSubmatch(entry)
		if m == nil || m[2] != "variable" && m[2] != "formal_parameter" {
			continue
		}
		key, _ := strconv.ParseUint(m[1], 0, 64)
		if o := dumpOrigin.FindStringSubmatch(entry); o != nil {
			key, _ = strconv.ParseUint(o[1], 0, 64)
		}
		at := ""
		for line := range strings.SplitSeq(entry, "\n") {
			if e := dumpExpr.FindStringSubmatch(line); e != nil {
				at = e[1]
			}
			l := dumpList.FindStringSubmatch(line)
			if l == nil || at != "" {
				continue
			}
			low, _ := strconv.ParseUint(l[1], 0, 64)
			if high, _ := strconv.ParseUint(l[2], 0, 64); low <= pc && pc < high {
				at = l[3]
			}
		}
		known, rest, _ := strings.Cut(at, "<decoding error>") // LLVM 14 lacks some operations
		code, err := hex.DecodeString(strings.ReplaceAll(rest, " ", ""))
		if err != nil {
			t.Fatalf("%s: %v", at, err)
		}
		out[key] = append(out[key], strings.TrimSpace(normalize(known)+" "+disassemble(t, code)))
	}
	return out
}

var (
	dumpRegister = regexp.MustCompile(`\b(R[A-Z0-9]+|XMM\d+)\b`)
	dumpType     = regexp.MustCompile(`(convert|regval_type|deref_type|const_type|reinterpret|implicit_pointer)[^,)]*(\([^)]*\)[^,)]*)?`)
	dumpNumber   = regexp.MustCompile(`[+-]?\b0x[0-9a-f]+\b|[+-]\d+\b`)
)

// normalize brings llvm-dwarfdump's text into the form of disassemble.
func normalize(s string) string {
	s = strings.NewReplacer("DW_OP_", "", "GNU_", "").Replace(s)
	s = dumpType.ReplaceAllString(dumpRegister.ReplaceAllString(s, ""), "$1")
	s = dumpNumber.ReplaceAllStringFunc(s, func(n string) string {
		v, err := strconv.ParseInt(n, 0, 64)
		if err != nil {
			u, _ := strconv.ParseUint(n, 0, 64)
			v = int64(u)
		}
		return " " + strconv.FormatInt(v, 10)
	})
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" ,()", r) }), " ")
}

// opTexts are the names of operations and the kinds of their operands: u and s
// for LEB128, a digit for a size, e for an expression, t for what is left out.
var opTexts = map[byte]string{
	dwarfx.OpAddr: "addr 8", dwarfx.OpDeref: "deref", dwarfx.OpConst1u: "const1u 1", 0x09: "const1s 1", 0x0a: "const2u 2", 0x0b: "const2s 2",
	0x0c: "const4u 4", 0x0d: "const4s 4", 0x0e: "const8u 8", dwarfx.OpConst8s: "const8s 8", dwarfx.OpConstu: "constu u", dwarfx.OpConsts: "consts s",
	dwarfx.OpDup: "dup", dwarfx.OpDrop: "drop", dwarfx.OpOver: "over", dwarfx.OpPick: "pick 1", dwarfx.OpSwap: "swap", dwarfx.OpRot: "rot", dwarfx.OpAbs: "abs", dwarfx.OpAnd: "and",
	dwarfx.OpDiv: "div", dwarfx.OpMinus: "minus", dwarfx.OpMod: "mod", dwarfx.OpMul: "mul", dwarfx.OpNeg: "neg", dwarfx.OpNot: "not", dwarfx.OpOr: "or", dwarfx.OpPlus: "plus",
	dwarfx.OpPlusUconst: "plus_uconst u", dwarfx.OpShl: "shl", dwarfx.OpShr: "shr", dwarfx.OpShra: "shra", dwarfx.OpXor: "xor", dwarfx.OpBra: "bra 2", dwarfx.OpSkip: "skip 2",
	dwarfx.OpEq: "eq", dwarfx.OpGe: "ge", dwarfx.OpGt: "gt", dwarfx.OpLe: "le", dwarfx.OpLt: "lt", dwarfx.OpNe: "ne", dwarfx.OpFbreg: "fbreg s", dwarfx.OpPiece: "piece u",
	dwarfx.OpGNUUninit: "uninit", dwarfx.OpDerefSize: "deref_size 1", dwarfx.OpNop: "nop", dwarfx.OpCallFrameCFA: "call_frame_cfa", dwarfx.OpStackValue: "stack_value",
	dwarfx.OpEntryValue: "entry_value e", dwarfx.OpConvert: "convert t", dwarfx.OpReinterpret: "reinterpret t",
	dwarfx.OpImplicitPtr: "implicit_pointer 4s", dwarfx.OpDerefType: "deref_type 1t", dwarfx.OpRegvalType: "regval_type tt",
}

// disassemble writes an expression.
func disassemble(t *testing.T, code []byte) string {
	t.Helper()
	var out []string
	b := dwarfx.NewBuf("expression", code, 0)
	for b.Len() > 0 {
		op := dwarfx.SameOp(b.U8())
		switch {
		case op >= dwarfx.OpLit0 && op <= dwarfx.OpLit31:
			out = append(out, fmt.Sprintf("lit%d", op-dwarfx.OpLit0))
			continue
		case op >= dwarfx.OpReg0 && op <= dwarfx.OpReg31:
			out = append(out, fmt.Sprintf("reg%d", op-dwarfx.OpReg0))
			continue
		case op >= dwarfx.OpBreg0 && op <= dwarfx.OpBreg31:
			out = append(out, fmt.Sprintf("breg%d %d", op-dwarfx.OpBreg0, b.Sleb()))
			continue
		case op == dwarfx.OpImplicitValue:
			raw := b.Bytes(b.Uleb())
			out = append(out, fmt.Sprintf("implicit_value %d", len(raw)))
			for _, c := range raw {
				out = append(out, strconv.Itoa(int(c)))
			}
			continue
		}
		name, kinds, _ := strings.Cut(opTexts[op], " ")
		if name == "" {
			t.Fatalf("operation %#x in % x", op, code)
		}
		out = append(out, name)
		hidden := strings.ContainsAny(kinds, "t") || op == dwarfx.OpImplicitPtr
		for _, k := range []byte(kinds) {
			n := ""
			switch k {
			case 'u', 't':
				n = strconv.FormatInt(int64(b.Uleb()), 10)
			case 's':
				n = strconv.FormatInt(b.Sleb(), 10)
			case 'e':
				n = disassemble(t, b.Bytes(b.Uleb()))
			default:
				signed := dwarfx.Operand{Size: k - '0', Signed: strings.HasSuffix(name, "s")}
				n = strconv.FormatInt(int64(signed.As(b.Uint(int(k-'0'))).U), 10)
			}
			if !hidden {
				out = append(out, n)
			}
		}
	}
	if b.Err() != nil {
		t.Fatalf("% x: %v", code, b.Err())
	}
	return string(bytes.TrimSpace([]byte(strings.Join(out, " "))))
}
