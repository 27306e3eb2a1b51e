package elffile_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"ktrap/symbols/elffile"
	"ktrap/symbols/symtest"
)

var supplementID = []byte{0xab, 0xcd, 0xef}

// sup is a .debug_sup section.
func sup(is byte, link string, id []byte) symtest.Section {
	data := append([]byte{5, 0, is}, link...)
	return symtest.Section{Name: ".debug_sup", Data: append(append(data, 0, byte(len(id))), id...)}
}

func TestASupplementIsFoundByItsLinkAndProvenByItsID(t *testing.T) {
	gnu := symtest.Section{Name: ".gnu_debugaltlink", Data: append([]byte("../.dwz/common\x00"), supplementID...)}
	info := symtest.Section{Name: ".debug_info", Data: []byte("shared")}
	ours := symtest.ELF{Sections: []symtest.Section{info}, BuildID: supplementID}
	tests := []struct {
		name   string
		link   []symtest.Section
		common *symtest.ELF // nil: not there
		want   error        // of none: the file is found, if there is a link
	}{
		{"GNU's link", []symtest.Section{gnu}, &ours, nil},
		{"DWARF 5's link", []symtest.Section{sup(0, "../.dwz/common", supplementID)},
			&symtest.ELF{Sections: []symtest.Section{info, sup(1, "", supplementID)}}, nil},
		{"no link", nil, &ours, nil},
		{"the supplement itself", []symtest.Section{sup(1, "", supplementID)}, &ours, nil},
		{"a link that is cut off", []symtest.Section{{Name: ".debug_sup", Data: []byte{5, 0, 0, 'a', 0, 9, 1}}}, &ours, nil},
		{"not there", []symtest.Section{gnu}, nil, elffile.ErrNoSupplement},
		{"of another build", []symtest.Section{gnu}, &symtest.ELF{BuildID: []byte{1}}, elffile.ErrOtherBuild},
	}
	for n, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, sub := range []string{"lib", ".dwz"} {
				if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			write := func(name string, e symtest.ELF) string {
				path := filepath.Join(dir, name)
				if err := os.WriteFile(path, e.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
				return path
			}
			if tt.common != nil {
				write(".dwz/common", *tt.common)
			}
			f, err := elffile.Open(write("lib/vmlinux", symtest.ELF{Sections: tt.link, BuildID: []byte{9}}))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			got, err := f.Supplement()
			if !errors.Is(err, tt.want) || tt.want != nil && got != nil {
				t.Fatalf("%v, %v, want %v", got, err, tt.want)
			}
			if linked := n < 2; linked != (got != nil) {
				t.Fatalf("%v, %v", got, err)
			}
			if got != nil {
				if data, err := got.Section(".debug_info"); err != nil || string(data) != "shared" {
					t.Errorf("%q, %v", data, err)
				}
			}
		})
	}
}
