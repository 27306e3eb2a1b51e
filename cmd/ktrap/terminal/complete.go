package terminal

import (
	"context"
	"strings"
)

// maxOffers is how many words are offered at once. The editor would ask before
// it lists more, in the middle of the line.
const maxOffers = 100

// complete offers what the word before the cursor may go on to.
func (t *Terminal) complete(ctx context.Context, line string, cursor int) (head string, offers []string, tail string) {
	runes := []rune(line)
	before, tail := string(runes[:cursor]), string(runes[cursor:])
	head, offers = t.offers(ctx, strings.TrimLeft(before, " "))
	return head, thinned(offers), tail
}

// thinned cuts a sorted list. Its last word stays: what the first and the last
// begin with, all do, and the editor puts it in.
func thinned(offers []string) []string {
	if len(offers) <= maxOffers {
		return offers
	}
	return append(offers[:maxOffers-1:maxOffers-1], offers[len(offers)-1])
}

func (t *Terminal) offers(ctx context.Context, before string) (head string, offers []string) {
	name, args, hasArgs := strings.Cut(before, " ")
	if !hasArgs {
		return "", starting(commandNames(), name)
	}
	c, err := find(strings.SplitN(name, "/", 2)[0])
	if err != nil {
		return before, nil
	}
	word := args[wordStart(args):]
	head = before[:len(before)-len(word)]
	expr := strings.Contains(c.args, "EXPR")
	if strings.Contains(c.args, "WHERE") {
		_, _, expr = cutCondition(args)
	}
	switch {
	case c.names[0] == "help":
		return head, starting(commandNames(), word)
	case c.names[0] == "info" && head == name+" ":
		return head, starting(subjectNames(), word)
	case expr || c.names[0] == "info":
		if of, ok := memberOf(strings.TrimSuffix(args, word)); ok {
			return head, t.dbg.CompleteMember(ctx, of, word)
		}
		if word != "" {
			return head, t.dbg.CompleteName(ctx, word)
		}
	case strings.Contains(c.args, "WHERE") && word != "":
		return head, t.dbg.CompleteSymbol(ctx, word)
	}
	return head, nil
}

// starting gives the words that start with prefix, in their order.
func starting(words []string, prefix string) (out []string) {
	for _, w := range words {
		if strings.HasPrefix(w, prefix) {
			out = append(out, w)
		}
	}
	return out
}

// wordStart is where the C name at the end of s begins.
func wordStart(s string) int {
	i := len(s)
	for i > 0 && isNameByte(s[i-1]) {
		i--
	}
	return i
}

func isNameByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// memberOf gives the expression whose member is to follow: that before the
// -> or . at the end of s.
func memberOf(s string) (of string, ok bool) {
	of, ok = strings.CutSuffix(s, "->")
	if !ok {
		of, ok = strings.CutSuffix(s, ".")
	}
	if !ok {
		return "", false
	}
	i := len(of)
	for i > 0 {
		switch c := of[i-1]; {
		case isNameByte(c), c == '$', c == '.':
			i--
		case strings.HasSuffix(of[:i], "->"):
			i -= 2
		case c == ')' || c == ']':
			if i = opening(of[:i]); i < 0 {
				return "", false
			}
		default:
			return of[i:], of[i:] != ""
		}
	}
	return of, of != ""
}

// opening is where the bracket at the end of s opens, -1 if it does not.
func opening(s string) int {
	depth := 0
	for i := len(s) - 1; i >= 0; i-- {
		switch s[i] {
		case ')', ']':
			depth++
		case '(', '[':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}
