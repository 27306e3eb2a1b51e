package symbols

import (
	"strings"

	"github.com/ianlancetaylor/demangle"
)

// maxMangled bounds the names that are made readable: they nest.
const maxMangled = 4096

// Demangle makes the name of a Rust (v0 and legacy) or C++ function readable; a
// C name stays as it is. What compilers append (.llvm.123, .cold) is kept.
func Demangle(name string) string {
	if len(name) > maxMangled || !strings.HasPrefix(name, "_R") && !strings.HasPrefix(name, "_Z") {
		return name
	}
	for base := name; base != ""; base = base[:max(strings.LastIndexByte(base, '.'), 0)] {
		plain, err := demangle.ToString(base, demangle.NoClones, demangle.MaxLength(14))
		if err == nil {
			return plain + name[len(base):]
		}
	}
	return name
}
