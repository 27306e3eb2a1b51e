package symbols

import (
	"testing"

	"ktrap/symbols/lines"
)

func TestSourceFilesAreNamedAsInTheTree(t *testing.T) {
	const debian = "debian/build/build_amd64_none_cloud-amd64"
	tests := []struct{ name, path, compDir, root, want string }{
		{"built in the tree", "/usr/src/linux/fs/open.c", "/usr/src/linux", "", "fs/open.c"},
		{"built beside the tree", "/home/u/linux/fs/open.c", "/home/u/build", "/home/u/linux", "fs/open.c"},
		{"generated beside the tree", "/home/u/build/include/generated/x.h", "/home/u/build", "/home/u/linux", "include/generated/x.h"},
		{"Debian, C", debian + "/fs/read_write.c", debian, debian, "fs/read_write.c"},
		{"Debian, assembly", "/build/linux-6.1.192/arch/x86/entry/entry_64.S", "/build/linux-6.1.192/" + debian, debian, "arch/x86/entry/entry_64.S"},
		{"a module's own file", "/root/mod/mod.c", "/usr/src/linux-headers-6.1.0-amd64", "", "/root/mod/mod.c"},
		{"a header of a module", "/usr/src/linux-headers-6.1.0-common/include/linux/list.h", "/usr/src/linux-headers-6.1.0-amd64", "", "include/linux/list.h"},
		{"no directory known", "fs/open.c", "", "", "fs/open.c"},
		{"a name that only starts alike", "/usr/src/linux-next/fs/open.c", "/usr/src/linux", "/usr/src/linux", "/usr/src/linux-next/fs/open.c"},
		{"nothing", "", "", "", ""},
	}
	for _, tt := range tests {
		if got := treePath(lines.Place{Path: tt.path, CompDir: tt.compDir}, func() string { return tt.root }); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestAFileIsMeantByTheEndOfItsPath(t *testing.T) {
	p := lines.Place{Path: "/build/linux/fs/ext4/file.c", CompDir: "/build/linux"}
	for file, want := range map[string]bool{
		"file.c": true, "ext4/file.c": true, "fs/ext4/file.c": true, "./fs/ext4/file.c": true,
		"/build/linux/fs/ext4/file.c": true, "/home/u/src/fs/ext4/file.c": true,
		"le.c": false, "4/file.c": false, "fs/xfs/file.c": false, "file.h": false, "": false,
	} {
		if got := samePath(p, func() string { return "" }, file); got != want {
			t.Errorf("%q: %v", file, got)
		}
	}
}
