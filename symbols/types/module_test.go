package types

import (
	"fmt"
	"iter"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/elffile"
)

// wholeSections hides that a file can be relocated in parts.
type wholeSections struct{ f *elffile.File }

func (w wholeSections) Section(name string) ([]byte, error)            { return w.f.Section(name) }
func (w wholeSections) AllSymbols() (iter.Seq[elffile.Symbol], error)  { return w.f.AllSymbols() }
func (w wholeSections) SectionAddr(name string) (a, n uint64, ok bool) { return w.f.SectionAddr(name) }

// compileObject compiles a file to what a module is made of.
func compileObject(t *testing.T, cc, version, source string) string {
	t.Helper()
	if _, err := exec.LookPath(cc); err != nil {
		t.Skipf("SKIPPED, nothing was compared: %s is not installed", cc)
	}
	out := filepath.Join(t.TempDir(), "m.ko")
	cmd := exec.CommandContext(t.Context(), cc, "-gdwarf-"+version, "-O2", "-ffunction-sections", "-c", "-o", out, source)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("SKIPPED, nothing was compared: %s: %v\n%s", cc, err, text)
	}
	return out
}

// knownOf is everything of a module that is asked for, in words; the locals with
// the places they have at each byte of the code.
func knownOf(t *testing.T, path string, source func(*elffile.File) Source) string {
	t.Helper()
	f := openELF(t, path).(*elffile.File)
	info := New(source(f))
	var b strings.Builder
	all, err := f.AllSymbols()
	if err != nil {
		t.Fatal(err)
	}
	for s := range all {
		if v, err := info.Variables(s.Name); err == nil {
			fmt.Fprintln(&b, s.Name, Spell(v[0].Type), v[0].Addr)
		}
	}
	for _, name := range []string{"struct arrays", "packed", "enum mode", "u8", "int", "union number", "struct pointers", "nosuch"} {
		typ, err := info.TypeByName(name)
		if err == nil {
			fmt.Fprintln(&b, name, Describe(typ))
		} else {
			fmt.Fprintln(&b, name, err)
		}
	}
	for _, sec := range f.Sections() {
		for pc := sec.Addr; sec.Exec() && pc < sec.Addr+sec.Size; pc++ {
			scopes, err := info.Scopes(addr.LinkAddr(pc))
			fmt.Fprintln(&b, pc, len(scopes), err)
			for _, s := range scopes {
				for _, v := range s.Vars {
					fmt.Fprintf(&b, "%s %s %x\n", s.Func, Declare(v.Type, v.Name), v.expr)
				}
			}
		}
	}
	return b.String()
}

func TestAModuleIsKnownInPartsAsItIsAsAWhole(t *testing.T) {
	for _, cc := range []string{"gcc", "clang"} {
		for _, version := range []string{"4", "5"} {
			for _, source := range []string{"layouts.c", "calls.c", "nested.c"} {
				t.Run(cc+"-dwarf-"+version+"-"+source, func(t *testing.T) {
					path := compileObject(t, cc, version, filepath.Join("testdata", source))
					whole := knownOf(t, path, func(f *elffile.File) Source { return wholeSections{f} })
					parts := knownOf(t, path, func(f *elffile.File) Source { return f })
					if len(whole) < 500 {
						t.Fatalf("little is known:\n%s", whole)
					}
					if whole != parts {
						t.Errorf("in parts:\n%s\nas a whole:\n%s", parts, whole)
					}
				})
			}
		}
	}
}
