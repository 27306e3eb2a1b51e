package decode

import (
	"bytes"
	"regexp"
	"strings"
)

// redactor takes out of a log what should not be in a public mail: addresses,
// host names, hardware addresses. It learns the host's name from the lines that
// have it.
type redactor struct {
	hosts                               [][]byte
	mac, ipv4, ipv6, pointer, slideLine *regexp.Regexp
	hostName                            []*regexp.Regexp
}

func newRedactor() *redactor {
	r := &redactor{
		mac: regexp.MustCompile(macAddress), ipv4: regexp.MustCompile(ipv4Address), ipv6: regexp.MustCompile(ipv6Address),
		pointer: regexp.MustCompile(pointer), slideLine: regexp.MustCompile(slideLine),
	}
	for _, h := range hostName {
		r.hostName = append(r.hostName, regexp.MustCompile(h))
	}
	return r
}

// maxHosts bounds the names that are learnt.
const maxHosts = 16

const (
	// macAddress is six pairs of digits.
	macAddress = `\b[0-9a-fA-F]{2}(?:[:-][0-9a-fA-F]{2}){5}\b`
	// ipv4Address has four numbers, and perhaps a port that stays.
	ipv4Address = `\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b`
	// ipv6Address has at least three groups or "::".
	ipv6Address = `\b(?:[0-9a-f]{1,4}:){4,7}[0-9a-f]{1,4}\b|\b(?:fe80|fd[0-9a-f]{2}|2[0-9a-f]{3}):(?:[0-9a-f]{0,4}:){1,6}[0-9a-f]{0,4}`
	// pointer is a word of 9 to 16 hexadecimal digits; with 0x or 16 digits long.
	pointer = `\b0x[0-9a-f]{9,16}\b|\b[0-9a-f]{16}\b`
	// slideLine says where KASLR put the kernel.
	slideLine = `(Kernel Offset: )0x[0-9a-f]+`
)

// hostName finds the name of the machine: of syslog and the journal, a login prompt,
// a shell prompt. Where lines of the kernel alone have the same time in front, only a
// program with its number shows that a host stands before it.
var hostName = []string{
	`^[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8}(?:\.[0-9]+)? ([A-Za-z0-9][A-Za-z0-9.-]*) (?:[\w.-]+ )?[\w./@-]+(?:\[[0-9]+\])?: `,
	`^(?:[A-Z][a-z]{2} )?[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.,+-]+Z?(?: [A-Z]{2,5})? ([A-Za-z0-9][A-Za-z0-9.-]*) (?:kernel|[\w./@-]+\[[0-9]+\]): `,
	`^(?:[0-9]{9,}\.[0-9]+|\[ *[0-9.]+\]) ([A-Za-z][A-Za-z0-9.-]*) (?:kernel|[\w./@-]+\[[0-9]+\]): `,
	`^<[0-9]+>1 [0-9T:.,+-]+Z? ([A-Za-z0-9][A-Za-z0-9.-]*) [\w./@-]+ (?:[0-9]+|-) `,
	`^([A-Za-z0-9][A-Za-z0-9.-]*) login: `,
	`\b[a-z_][a-z0-9_-]*@([A-Za-z0-9][A-Za-z0-9.-]*)(?:[:)#$~ ]|$)`,
	`[Hh]ostname (?:set )?to <([^>]+)>`,
}

// line gives a line without what is private. Lengths of pointers stay, so that
// tables stay tables; null pointers with small offsets stay, they tell what
// happened, and so do poison values and build-ids.
func (r *redactor) line(raw []byte) []byte {
	for _, re := range r.hostName {
		if m := re.FindSubmatch(raw); m != nil {
			r.learn(m[1])
		}
	}
	for _, h := range r.hosts {
		raw = replaceWord(raw, h, []byte("HOST"))
	}
	raw = r.mac.ReplaceAll(raw, []byte("xx:xx:xx:xx:xx:xx"))
	raw = r.ipv4.ReplaceAll(raw, []byte("x.x.x.x"))
	raw = r.ipv6.ReplaceAll(raw, []byte("x:x::x"))
	raw = r.slideLine.ReplaceAll(raw, []byte("${1}0xXXXXXXXX"))
	return r.pointer.ReplaceAllFunc(raw, hide)
}

// text gives lines without what is private.
func (r *redactor) text(text string) string {
	var b strings.Builder
	for l := range strings.Lines(text) {
		b.Write(r.line([]byte(l)))
	}
	return b.String()
}

func (r *redactor) learn(name []byte) {
	for _, h := range r.hosts {
		if bytes.Equal(h, name) {
			return
		}
	}
	if len(r.hosts) < maxHosts && string(name) != "HOST" && string(name) != "localhost" {
		r.hosts = append(r.hosts, bytes.Clone(name))
	}
}

// hide takes the digits of a pointer of kernel or user space.
func hide(word []byte) []byte {
	v, ok := parseHex(word)
	user := v >= 1<<16 && v < 1<<47
	if !ok || !v.Kernel() && !user || -v <= 4096 {
		return word
	}
	out := bytes.Repeat([]byte("X"), len(word))
	copy(out, word[:len(word)-len(bytes.TrimPrefix(word, []byte("0x")))])
	return out
}

// replaceWord replaces whole words.
func replaceWord(raw, word, by []byte) []byte {
	for at := 0; ; {
		i := bytes.Index(raw[at:], word)
		if i < 0 {
			return raw
		}
		start, end := at+i, at+i+len(word)
		if start > 0 && isWordByte(raw[start-1]) || end < len(raw) && isWordByte(raw[end]) {
			at = end
			continue
		}
		raw = bytes.Join([][]byte{raw[:start], by, raw[end:]}, nil)
		at = start + len(by)
	}
}

func isWordByte(c byte) bool { return isAlpha(c) || isDigit(c) || c == '_' || c == '-' }
