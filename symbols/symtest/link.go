package symtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Link lets the system's linker place every section of a relocatable object at
// an address and relocate it, and gives the path of the result: the reference
// for ktrap's own layout. It skips the test loudly when there is no linker.
func Link(tb testing.TB, object string, addrs map[string]uint64) string {
	tb.Helper()
	ld, err := exec.LookPath("ld")
	if err != nil {
		tb.Skip("SKIPPED, nothing was compared: ld is not installed (package binutils)")
	}
	var script strings.Builder
	script.WriteString("SECTIONS {\n")
	for name, a := range addrs {
		fmt.Fprintf(&script, "%q %#x : { *(%q) }\n", name, a, name)
	}
	script.WriteString("}\n")
	dir := tb.TempDir()
	scriptPath, out := filepath.Join(dir, "layout.ld"), filepath.Join(dir, filepath.Base(object)+".linked")
	if err := os.WriteFile(scriptPath, []byte(script.String()), 0o600); err != nil {
		tb.Fatal(err)
	}
	cmd := exec.CommandContext(tb.Context(), ld, "--unresolved-symbols=ignore-all", "--no-gc-sections",
		"--no-check-sections", "--no-warnings", "-T", scriptPath, "-o", out, object)
	if text, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("link %s: %v\n%.2000s", object, err, text)
	}
	return out
}
