package main

import (
	"reflect"
	"testing"

	"github.com/alecthomas/kong"
)

func TestPlainCommandLinesMeanWhatKongSays(t *testing.T) {
	for _, args := range [][]string{
		{"vmlinux"}, {"vmlinux", "vfs_write"}, {"a,b", "x=y", "f+0x1/0x2 [ext4]", "a,b"}, {"", "+"}, {"0x1", "@f"},
	} {
		var c lookupCmd
		parser, err := kong.New(&cli{}, kong.DynamicCommand("lookup", "", "", &c))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(append([]string{"lookup"}, args...)); err != nil {
			t.Fatalf("%q: %v", args, err)
		}
		if got := plainLookup(args); !reflect.DeepEqual(got, &c) {
			t.Errorf("%q: %+v, kong says %+v", args, got, c)
		}
	}
}

func TestFlagsAreForKong(t *testing.T) {
	for _, args := range [][]string{
		nil, {"lookup"}, {"lookup", "vmlinux", "-"}, {"lookup", "vmlinux", "--", "f"}, {"--version"}, {"version", "-h"},
		{"version", "1"}, {"lookup", "vmlinux", "f", "--format=json"}, {"look"}, {"type", "task_struct"},
	} {
		if plain(args) != nil {
			t.Errorf("%q is taken as plain", args)
		}
	}
}
