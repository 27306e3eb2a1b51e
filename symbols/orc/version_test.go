package orc

import (
	"encoding/hex"
	"testing"
)

func TestVersionOf(t *testing.T) {
	tests := []struct {
		name, header, release string
		want                  Version
	}{
		{"a header decides", "fe5d32bf581bd63b2ca9a5c65ba5a625eab3fe24", "", V3},
		{"a header decides against the release", "db84aed400000000000000000000000000000000", "6.12.1", V2},
		{"the header of 7.1", "137c36ad00000000000000000000000000000000", "7.1.0", V4},
		{"an unknown header is not guessed at", "0000000000000000000000000000000000000001", "6.12.1", 0},
		{"a truncated header is none", "fe5d32bf", "6.1.0", V1},
		{"the first kernel with ORC", "", "4.14.0", V1Pre512},
		{"a kernel before ORC", "", "4.13.16", 0},
		{"the last before SP_INDIRECT changed", "", "5.11.22-generic", V1Pre512},
		{"the first after SP_INDIRECT changed", "", "5.12-rc1", V1},
		{"Debian 12", "", "6.1.0-56-cloud-amd64", V1},
		{"the last with the end bit in its old place", "", "6.2.16", V1},
		{"the signal bit", "", "6.3.1", V2},
		{"the types", "", "6.4.0-rc1+", V3},
		{"the last before the registers moved", "", "7.0.3", V3},
		{"the registers moved", "", "7.1.0", V4},
		{"RHEL 9 before the backport", "", "5.14.0-503.11.1.el9_5.x86_64", V1},
		{"RHEL 9 after the backport", "", "5.14.0-517.el9.x86_64", V3},
		{"a mainline build of 5.14 is not RHEL 9", "", "5.14.0-600-generic", V1},
		{"no release", "", "", 0},
		{"no number", "", "linux", 0},
		{"no minor", "", "6.x", 0},
		{"an absurd number", "", "99999999999999999999.1", 0},
		{"a negative number", "", "-6.1", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			header, err := hex.DecodeString(tt.header)
			if err != nil {
				t.Fatal(err)
			}
			if got := VersionOf(header, tt.release); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
