package main

import (
	"testing"

	"github.com/alecthomas/kong"
)

func TestKongLearnsOfTheCommandThatIsMeant(t *testing.T) {
	all := len(commands())
	for _, tt := range []struct {
		args []string
		want int
	}{
		{nil, all}, {[]string{"--help"}, all}, {[]string{"--log=debug", "lab"}, all}, {[]string{"nosuch"}, all},
		{[]string{"lab", "demo"}, 1}, {[]string{"version"}, 1},
	} {
		parser, err := kong.New(&cli{}, grammar(tt.args)...)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(parser.Model.Children); got != tt.want {
			t.Errorf("%q: kong knows %d commands, want %d", tt.args, got, tt.want)
		}
	}
}
