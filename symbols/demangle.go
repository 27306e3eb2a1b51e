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
	// The shortest beginning that is a name: legacy Rust names have points in them.
	for end := 0; end < len(name); {
		next := strings.IndexByte(name[end+1:], '.')
		if end += 1 + next; next < 0 {
			end = len(name)
		}
		plain, err := demangle.ToString(name[:end], demangle.NoClones, demangle.MaxLength(14))
		if err == nil {
			return plain + name[end:]
		}
	}
	return name
}
