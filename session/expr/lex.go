package expr

import (
	"debug/dwarf"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// tokenKind is the kind of a lexical token.
type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokIdent
	tokReg // $rdi, without the dollar sign
	tokNum
	tokOp
)

// token is one word of an expression.
type token struct {
	kind tokenKind
	off  int
	text string
	num  literal
}

// literal is an integer constant with its C type.
type literal struct {
	value uint64
	typ   dwarf.Type
}

func (t token) String() string {
	if t.kind == tokEOF {
		return "end of expression"
	}
	return strconv.Quote(t.text)
}

// maxSource bounds the length of an expression.
const maxSource = 4096

// operators, longest first.
var operators = []string{
	"->", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||",
	"+", "-", "*", "/", "%", "&", "|", "^", "~", "!", "<", ">", "(", ")", "[", "]", ".", ",", "@",
}

// lex cuts an expression into tokens; the last one is tokEOF.
func lex(src string) ([]token, error) {
	if len(src) > maxSource {
		return nil, errorf(maxSource, "expression longer than %d bytes", maxSource)
	}
	var out []token
	for at := 0; ; {
		for at < len(src) && (src[at] == ' ' || src[at] == '\t' || src[at] == '\n' || src[at] == '\r') {
			at++
		}
		if at == len(src) {
			return append(out, token{kind: tokEOF, off: at}), nil
		}
		t, n, err := lexOne(src[at:])
		if err != nil {
			return nil, errAt(at, err)
		}
		t.off = at
		out = append(out, t)
		at += n
	}
}

// lexOne reads the token at the start of s and gives its length.
func lexOne(s string) (token, int, error) {
	switch c := s[0]; {
	case isIdentStart(c):
		n := identLen(s)
		return token{kind: tokIdent, text: s[:n]}, n, nil
	case c == '$':
		n := 1 + identLen(s[1:])
		if n == 1 {
			return token{}, 0, errors.New("no register name behind $")
		}
		return token{kind: tokReg, text: s[1:n]}, n, nil
	case c >= '0' && c <= '9':
		return lexNumber(s)
	case c == '\'':
		return lexChar(s)
	}
	for _, op := range operators {
		if strings.HasPrefix(s, op) {
			return token{kind: tokOp, text: op}, len(op), nil
		}
	}
	return token{}, 0, fmt.Errorf("unexpected %q", []rune(s)[0])
}

func isIdentStart(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }

// identLen counts the bytes of a name; dots within names, as compilers make
// them (foo.constprop.0), are not part of it because they select members.
func identLen(s string) int {
	n := 0
	for n < len(s) && (isIdentStart(s[n]) || s[n] >= '0' && s[n] <= '9') {
		n++
	}
	return n
}

// lexNumber reads an integer constant and types it by the rules of C.
func lexNumber(s string) (token, int, error) {
	n := identLen(s)
	text := s[:n]
	digits := strings.TrimRight(text, "uUlL")
	suffix := strings.ToLower(text[len(digits):])
	switch suffix {
	case "", "u", "l", "ul", "lu", "ll", "ull", "llu":
	default:
		return token{}, 0, fmt.Errorf("bad number %q", text)
	}
	v, err := strconv.ParseUint(digits, 0, 64)
	if err != nil || strings.Contains(digits, "_") {
		return token{}, 0, fmt.Errorf("bad number %q", text)
	}
	decimal := digits == "0" || digits[0] != '0'
	lit := literal{v, literalType(v, decimal, strings.Contains(suffix, "u"), strings.Contains(suffix, "l"))}
	return token{kind: tokNum, text: text, num: lit}, n, nil
}

// literalType is the first type of C's list that holds the value; unlike in C
// a decimal constant may become unsigned long, because addresses are pasted
// in decimal too.
func literalType(v uint64, decimal, unsigned, long bool) dwarf.Type {
	switch {
	case !long && !unsigned && v <= 1<<31-1:
		return typeInt
	case !long && (unsigned || !decimal) && v <= 1<<32-1:
		return typeUint
	case !unsigned && v <= 1<<63-1:
		return typeLong
	}
	return typeUlong
}

// lexChar reads a character constant.
func lexChar(s string) (token, int, error) {
	r, _, rest, err := strconv.UnquoteChar(s[1:], '\'')
	if err != nil || r > 0xff || !strings.HasPrefix(rest, "'") {
		return token{}, 0, errors.New("bad character constant")
	}
	n := len(s) - len(rest) + 1
	return token{kind: tokNum, text: s[:n], num: literal{uint64(r), typeChar}}, n, nil
}
