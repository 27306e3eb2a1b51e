package lab

import (
	"slices"
	"testing"
)

func TestParseKernels(t *testing.T) {
	const search = `linux-image-6.12.117+deb12-cloud-amd64-dbg - Debug symbols for linux-image-6.12.117+deb12-cloud-amd64
linux-image-6.12.117+deb12-cloud-amd64-unsigned - Linux 6.12 for x86-64 cloud
linux-image-6.12.99+deb12-cloud-amd64-unsigned - Linux 6.12 for x86-64 cloud
linux-image-6.12.99+deb12-cloud-amd64-dbg - Debug symbols
linux-image-6.1.0-9-cloud-amd64-dbg - Debug symbols
linux-image-6.1.0-9-cloud-amd64-unsigned - Linux 6.1 for x86-64 cloud
linux-image-6.1.0-56-cloud-amd64-unsigned - Linux 6.1 for x86-64 cloud
linux-image-6.1.0-56-cloud-amd64-dbg - Debug symbols
linux-image-6.1.0-57-cloud-amd64-unsigned - its debug package is not there yet
linux-image-6.12-cloud-amd64-dbg - Debugging symbols for Linux cloud-amd64 configuration (meta-package)
linux-image-6.1.0-56-amd64-dbg - another flavour
`
	want := []kernelPkg{"6.1.0-9", "6.1.0-56", "6.12.99+deb12", "6.12.117+deb12"}
	got := parseKernels(search)
	if !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	for i, series := range []string{"6.1", "6.1", "6.12", "6.12"} {
		if got[i].series() != series {
			t.Errorf("%s is of series %s", got[i], got[i].series())
		}
	}
}

func TestCompareVersions(t *testing.T) {
	ordered := []string{"", "5.10", "6.1", "6.1.0-9", "6.1.0-56", "6.1.1", "6.9", "6.12", "6.12.99+deb12", "6.12.117+deb12", "10"}
	for i, a := range ordered {
		for j, b := range ordered {
			if got, want := compareVersions(a, b), compareInts(i, j); sign(got) != want {
				t.Errorf("compare %q with %q: %d, want %d", a, b, got, want)
			}
		}
	}
}

func compareInts(a, b int) int { return sign(a - b) }

func sign(n int) int { return max(-1, min(1, n)) }

func TestSeriesNamesCannotLeaveTheLab(t *testing.T) {
	for _, bad := range []string{"../x", "6.1/..", "keys", ".", "6", "6.1.2", "6.1\n"} {
		if got, err := (&Lab{}).series(bad); err == nil {
			t.Errorf("%q was taken as %q", bad, got)
		}
	}
	if got, err := (&Lab{}).series(""); got != DefaultSeries || err != nil {
		t.Errorf("the default is %q, %v", got, err)
	}
}
