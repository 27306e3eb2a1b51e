package symbols

import (
	"bytes"
	"strings"
	"unicode"
)

// Banner gives the kernel's linux_banner as the file has it, without the
// newline; "" when the image is no vmlinux.
func (im *Image) Banner() string {
	im.bannerOnce.Do(func() { im.banner = im.readBanner() })
	return im.banner
}

// Release gives the kernel release of a vmlinux, as uname -r prints it.
func (im *Image) Release() string {
	rest, ok := strings.CutPrefix(im.Banner(), "Linux version ")
	if !ok {
		return ""
	}
	release, _, _ := strings.Cut(rest, " ")
	return release
}

// MadeFor gives the kernel release that a module was made for; "" when it does
// not say.
func (im *Image) MadeFor() string {
	info, err := im.file.Section(".modinfo")
	if err != nil {
		return ""
	}
	return madeFor(info)
}

// maxRelease bounds a release; uname has 64 bytes for one.
const maxRelease = 64

// madeFor finds the release in the contents of .modinfo; "" when there is none or
// it is nothing that uname -r could print.
// Source: linux include/linux/vermagic.h: NUL-separated "vermagic=RELEASE WORDS".
func madeFor(modinfo []byte) string {
	for field := range bytes.SplitSeq(modinfo, []byte{0}) {
		if magic, ok := bytes.CutPrefix(field, []byte("vermagic=")); ok {
			release, _, _ := bytes.Cut(magic, []byte(" "))
			if len(release) > maxRelease || bytes.ContainsFunc(release, func(r rune) bool { return !unicode.IsGraphic(r) }) {
				return ""
			}
			return string(release)
		}
	}
	return ""
}

func (im *Image) readBanner() string {
	sym, ok := im.Symbol("linux_banner")
	if !ok {
		return ""
	}
	data, err := im.file.Section(sym.Section)
	if err != nil {
		return ""
	}
	base, _, _ := im.file.SectionAddr(sym.Section)
	off := uint64(sym.Addr) - base
	if off >= uint64(len(data)) {
		return ""
	}
	text, _, _ := bytes.Cut(data[off:min(off+1024, uint64(len(data)))], []byte{0})
	return strings.TrimSuffix(string(text), "\n")
}
