package lab

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// kernelPkg is a cloud kernel of the archive by the middle of its package's
// name: "6.1.0-56", "6.12.117+deb12".
type kernelPkg string

func (k kernelPkg) release() string { return string(k) + "-cloud-amd64" }
func (k kernelPkg) image() string   { return "linux-image-" + k.release() + "-unsigned" }
func (k kernelPkg) debug() string   { return "linux-image-" + k.release() + "-dbg" }
func (k kernelPkg) headers() string { return "linux-headers-" + k.release() }

// series is the first two numbers of the version.
func (k kernelPkg) series() string {
	major, rest, _ := strings.Cut(string(k), ".")
	minor := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	return major + "." + minor
}

// imageName matches a line of apt-cache search.
// Example line: linux-image-6.1.0-56-cloud-amd64-unsigned - Linux 6.1 for x86-64 cloud
const imageName = `^linux-image-(\d+\.\d+[0-9a-z.+~-]*)-cloud-amd64-(unsigned|dbg) - `

// parseKernels finds the kernels that have both their image and their debug
// package in the output of apt-cache search, oldest first.
func parseKernels(search string) []kernelPkg {
	const image, debug = 1, 2
	name, seen := regexp.MustCompile(imageName), map[kernelPkg]int{}
	for line := range strings.Lines(search) {
		m := name.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if m[2] == "unsigned" {
			seen[kernelPkg(m[1])] |= image
		} else {
			seen[kernelPkg(m[1])] |= debug
		}
	}
	var list []kernelPkg
	for k, have := range seen {
		if have == image|debug {
			list = append(list, k)
		}
	}
	sortVersions(list)
	return list
}

// compareVersions orders version strings as people read them: numbers by
// value, the rest by bytes.
func compareVersions(a, b string) int {
	for a != "" && b != "" {
		var na, nb string
		na, a = cutNumber(a)
		nb, b = cutNumber(b)
		if c := cmp.Or(cmp.Compare(len(na), len(nb)), strings.Compare(na, nb)); c != 0 {
			return c
		}
		na, a = cutText(a)
		nb, b = cutText(b)
		if c := strings.Compare(na, nb); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

const digits = "0123456789"

// cutNumber splits off leading digits, without their leading zeros.
func cutNumber(s string) (number, rest string) {
	rest = strings.TrimLeft(s, digits)
	return strings.TrimLeft(s[:len(s)-len(rest)], "0"), rest
}

func cutText(s string) (text, rest string) {
	if i := strings.IndexAny(s, digits); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

const seriesName = `^\d{1,3}\.\d{1,3}$`

// series checks a series' name: it becomes part of a path.
func (l *Lab) series(name string) (string, error) {
	if name == "" {
		return DefaultSeries, nil
	}
	if name != KASANSeries && !regexp.MustCompile(seriesName).MatchString(name) {
		return "", &SeriesError{name, "a kernel series is two numbers, like 6.1"}
	}
	return name, nil
}

func sortVersions(list []kernelPkg) {
	slices.SortFunc(list, func(a, b kernelPkg) int { return compareVersions(string(a), string(b)) })
}
