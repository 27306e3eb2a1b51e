package symbols

import (
	"bytes"
	"strings"
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
	for field := range bytes.SplitSeq(info, []byte{0}) {
		if magic, ok := bytes.CutPrefix(field, []byte("vermagic=")); ok {
			release, _, _ := bytes.Cut(magic, []byte(" "))
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
