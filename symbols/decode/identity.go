package decode

import (
	"bytes"
	"strings"

	"ktrap/symbols"
)

// identity is what a line says about the kernel that printed it.
type identity struct {
	release string // as uname -r
	version string // as printed behind the release: "#1  Debian 6.1.170-1"
	banner  string // the whole of linux_banner, of the line that has it
	buildID string // with CONFIG_STACKTRACE_BUILD_ID
}

// String gives the identity for people.
func (id *identity) String() string {
	switch {
	case id.banner != "":
		return id.banner
	case id.buildID != "":
		return strings.TrimSpace(id.release+" "+id.version) + " build-id " + id.buildID
	}
	return strings.TrimSpace(id.release + " " + id.version)
}

// identify reads the lines that say which kernel this is.
// Sample: Linux version 6.1.0-56-cloud-amd64 (debian-kernel@lists.debian.org) (gcc-12 ...) #1 SMP PREEMPT_DYNAMIC Debian 6.1.170-1 (2026-07-30)
// Sample: CPU: 0 PID: 112 Comm: sh Tainted: G  OE  6.1.0-56-cloud-amd64 #1  Debian 6.1.170-1
// Sample: CPU: 0 UID: 0 PID: 84 Comm: sh Tainted: G  O  6.12.117 #1  c8a8e194011bcb8fa38bc1204263970d4918ae54
func identify(raw []byte) (identity, bool) {
	if i := bytes.Index(raw, []byte("Linux version ")); i >= 0 {
		text, _ := cutEnd(raw[i:])
		return identifyBanner(string(text))
	}
	if i := bytes.Index(raw, []byte(" Comm: ")); i >= 0 && bytes.Contains(raw[:i], []byte("PID: ")) {
		text, _ := cutEnd(raw[i:])
		return identifyTask(string(text))
	}
	return identity{}, false
}

func identifyBanner(text string) (identity, bool) {
	release, rest, ok := strings.Cut(strings.TrimPrefix(text, "Linux version "), " ")
	if !ok || !isRelease(release) || !strings.HasPrefix(rest, "(") {
		return identity{}, false
	}
	id := identity{release: release, banner: text}
	if i := strings.LastIndex(rest, " #"); i >= 0 {
		id.version = rest[i+1:]
	}
	return id, true
}

func identifyTask(text string) (identity, bool) {
	i := strings.Index(text, " #")
	if i < 0 || i+2 >= len(text) || !isDigit(text[i+2]) {
		return identity{}, false
	}
	words := strings.Fields(text[:i])
	id := identity{release: words[len(words)-1]}
	if !isRelease(id.release) {
		return identity{}, false
	}
	var version []string
	for _, w := range strings.Fields(text[i+1:]) {
		if isBuildID(w) {
			id.buildID = w
		} else {
			version = append(version, w)
		}
	}
	id.version = strings.Join(version, " ")
	return id, true
}

func isRelease(s string) bool { return s != "" && isDigit(s[0]) && strings.Contains(s, ".") }

func isBuildID(s string) bool {
	if len(s) != 40 && len(s) != 32 {
		return false
	}
	for i := range len(s) {
		if !isHex(s[i]) {
			return false
		}
	}
	return true
}

// verdict is whether a vmlinux is that of the kernel that printed the log.
type verdict uint8

const (
	unknown verdict = iota
	proven
	refuted
)

// compare judges by what a line said. Distributions use one release name for
// several builds, so that the release alone proves nothing.
func (id *identity) compare(im *symbols.Image) verdict {
	switch banner := im.Banner(); {
	case id.buildID != "" && im.BuildID() != "":
		return either(id.buildID == im.BuildID())
	case banner == "":
		return unknown
	case id.banner != "":
		return either(sameBanner(id.banner, banner))
	case id.release != im.Release():
		return refuted
	default:
		_, name, _ := strings.Cut(id.version, " ")
		return id.compareVersion(name, banner)
	}
}

// compareVersion judges by what distributions write behind "#1".
func (id *identity) compareVersion(name, banner string) verdict {
	for _, flag := range []string{"SMP", "PREEMPT(voluntary)", "PREEMPT(full)", "PREEMPT(lazy)", "PREEMPT(none)", "PREEMPT_DYNAMIC", "PREEMPT_RT", "PREEMPT"} {
		name = strings.TrimSpace(strings.TrimPrefix(name, flag))
	}
	if name == "" {
		return unknown
	}
	return either(strings.Contains(banner, name))
}

func either(same bool) verdict {
	if same {
		return proven
	}
	return refuted
}

// sameBanner compares banners, of which the one in the log may be cut.
func sameBanner(log, image string) bool {
	log = strings.TrimSpace(log)
	return log == strings.TrimSpace(image) || len(log) >= minBanner && strings.HasPrefix(image, log)
}

// minBanner is how much of a cut banner says which build it is: release, builder
// and compiler stand before that.
const minBanner = 120

// imageIdentity is what an image says about itself.
func imageIdentity(im *symbols.Image) string {
	id := identity{banner: im.Banner()}
	text := id.String()
	if im.BuildID() != "" {
		text = strings.TrimSpace(text + " build-id " + im.BuildID())
	}
	return text
}

// sizes counts how many functions have the size in the file that the log says.
type sizes struct {
	seen        map[string]bool
	agree, fail int
}

const (
	enoughSizes = 3   // distinct functions that decide
	maxSizes    = 256 // functions looked at
)

// add compares one place of the kernel proper.
func (s *sizes) add(k *Kernel, p *place) {
	if p.name == "" || p.module != "" || p.size == 0 || len(s.seen) >= maxSizes || s.seen[p.name] {
		return
	}
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	s.seen[p.name] = true
	m := k.offline.Symbolizer().Match(symbols.Query{Name: p.name, Size: p.size})
	if len(m.Funcs) > 0 && m.Note == "" {
		s.agree++
	} else {
		s.fail++
	}
}

// verdict needs several functions, and most of them: a name that the file has
// not may be of a module or of a live patch.
func (s *sizes) verdict() verdict {
	switch {
	case s.agree >= enoughSizes && s.agree > 4*s.fail:
		return proven
	case s.fail >= enoughSizes && s.fail >= s.agree:
		return refuted
	}
	return unknown
}
