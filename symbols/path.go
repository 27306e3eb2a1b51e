package symbols

import (
	"path"
	"strings"

	"ktrap/symbols/lines"
)

// debianBuild stands between the source tree and the build of one flavour in the
// paths that Debian's compiler wrote.
const debianBuild = "/debian/build/"

// treePath gives the path of a source file as in the kernel's tree, which is how
// the kernel's own messages and people name it: fs/read_write.c. A file outside
// of the tree keeps its path. root tells where the tree of this kernel was, ""
// when that is not known; it is asked last, for that takes a look at another unit.
func treePath(p lines.Place, root func() string) string {
	if rest, ok := below(p.Path, p.CompDir); ok {
		return rest
	}
	// Debian builds a flavour in a folder of the tree.
	if i := strings.Index("/"+p.CompDir, debianBuild); i > 0 {
		if rest, ok := below(p.Path, p.CompDir[:i-1]); ok {
			return rest
		}
	}
	// Headers that a module was built against.
	if rest, ok := strings.CutPrefix(p.Path, "/usr/src/linux-headers-"); ok {
		if _, rest, ok = strings.Cut(rest, "/"); ok {
			return rest
		}
	}
	if p.Path == "" {
		return ""
	}
	if rest, ok := below(p.Path, root()); ok {
		return rest
	}
	return p.Path
}

// below gives p relative to dir.
func below(p, dir string) (string, bool) {
	if dir == "" || dir == "/" {
		return "", false
	}
	return strings.CutPrefix(p, path.Clean(dir)+"/")
}

// sourceRoot finds out where the source tree was when the kernel was compiled,
// as the kernel's own scripts do: from a function known to be in init/main.c.
func (im *Image) sourceRoot() string {
	im.rootOnce.Do(func() {
		if im.base != nil {
			im.root = im.base.sourceRoot()
			return
		}
		sym, ok := im.Symbol("kernel_init")
		if !ok {
			return
		}
		frames, err := im.lines.Lookup(sym.Addr)
		if err != nil || len(frames) == 0 {
			return
		}
		outer := frames[len(frames)-1].Path
		if root, ok := strings.CutSuffix(outer, "/init/main.c"); ok {
			im.root = root
		}
	})
	return im.root
}

// samePath reports whether a person who writes file means the source file at p:
// one is the end of the other, by whole path elements.
func samePath(p lines.Place, root func() string, file string) bool {
	file = path.Clean(file)
	tree := treePath(p, root)
	return tree == file || p.Path == file ||
		strings.HasSuffix(p.Path, "/"+file) || strings.HasSuffix(file, "/"+tree)
}
