package types

import "testing"

func TestNestedNamesAreFoundHoweverNamesAreStored(t *testing.T) {
	for _, cc := range []string{"gcc", "clang"} {
		for _, version := range []string{"4", "5"} {
			t.Run(cc+"-dwarf-"+version, func(t *testing.T) {
				info := New(openELF(t, compile(t, cc, version, "testdata/nested.c")))
				for name, want := range map[string]int64{"TOP_FIRST": 0, "TOP_LAST": 7, "INNER_MINUS": -2, "ANONYMOUS": 40} {
					if got, _, err := info.Constant(name); err != nil || got != want {
						t.Errorf("%s = %d (%v), want %d", name, got, err, want)
					}
				}
				for _, name := range []string{"struct outer", "struct within", "union choice"} {
					if _, err := info.TypeByName(name); err != nil {
						t.Error(err)
					}
				}
				if _, _, err := info.Constant("no_such"); err == nil {
					t.Error("a constant that does not exist was found")
				}
			})
		}
	}
}
