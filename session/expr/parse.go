package expr

import "slices"

// Expr is a parsed expression.
type Expr struct {
	src  string
	root node
}

// Source is the text the expression was parsed from.
func (x *Expr) Source() string { return x.src }

// maxNesting bounds parentheses, casts and prefix operators within each other.
const maxNesting = 64

// Parse reads a C expression. isType says whether a name in parentheses is a
// type, which C's grammar needs to know: (a)-1 is a cast or a difference. A nil
// isType knows only types that can be seen, such as (struct x *).
// Errors: *Error with the place of the mistake.
func Parse(src string, isType func(name string) bool) (*Expr, error) {
	toks, err := lex(src)
	if err != nil {
		return nil, err
	}
	p := parser{toks: toks, src: src, isType: isType}
	if p.isType == nil {
		p.isType = func(string) bool { return false }
	}
	root, err := p.binary(0)
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokEOF {
		return nil, errorf(t.off, "unexpected %v", t)
	}
	return &Expr{src: src, root: root}, nil
}

type parser struct {
	toks   []token
	pos    int
	depth  int
	src    string
	isType func(string) bool
}

func (p *parser) peek() token { return p.toks[p.pos] }

func (p *parser) next() token {
	t := p.toks[p.pos]
	if t.kind != tokEOF {
		p.pos++
	}
	return t
}

// accept takes the next token if it is that operator.
func (p *parser) accept(op string) bool {
	if t := p.peek(); t.kind == tokOp && t.text == op {
		p.pos++
		return true
	}
	return false
}

func (p *parser) expect(op string) error {
	if !p.accept(op) {
		t := p.peek()
		return errorf(t.off, "want %q, not %v", op, t)
	}
	return nil
}

// levels are C's binary operators from the loosest to the tightest, with
// gdb's @ (an array of so many) on top.
var levels = [][]string{
	{"||"}, {"&&"}, {"|"}, {"^"}, {"&"}, {"==", "!="}, {"<", "<=", ">", ">="},
	{"<<", ">>"}, {"+", "-"}, {"*", "/", "%"}, {"@"},
}

// binary reads operators of one level and all tighter ones.
func (p *parser) binary(level int) (node, error) {
	if level == len(levels) {
		return p.unary()
	}
	x, err := p.binary(level + 1)
	for err == nil {
		t := p.peek()
		if t.kind != tokOp || !slices.Contains(levels[level], t.text) {
			return x, nil
		}
		p.next()
		if err := p.enter(t.off); err != nil {
			// A long chain makes a tree as deep as nested parentheses do.
			return nil, err
		}
		var y node
		y, err = p.binary(level + 1)
		x = &binaryNode{off: t.off, op: t.text, x: x, y: y}
	}
	return nil, err
}

// enter counts one level of nesting. Levels are counted over the whole
// expression and never given back: the tree is at most that deep.
func (p *parser) enter(off int) error {
	if p.depth++; p.depth > maxNesting {
		return errorf(off, "more than %d operators", maxNesting)
	}
	return nil
}

func (p *parser) unary() (node, error) {
	t := p.peek()
	if t.kind == tokIdent && t.text == "sizeof" {
		p.next()
		return p.sizeof(t.off)
	}
	if t.kind != tokOp {
		return p.postfix()
	}
	switch t.text {
	case "-", "+", "!", "~", "*", "&":
		p.next()
		if err := p.enter(t.off); err != nil {
			return nil, err
		}
		x, err := p.unary()
		return &unaryNode{off: t.off, op: t.text, x: x}, err
	case "(":
		return p.castOrParen()
	}
	return p.postfix()
}

func (p *parser) castOrParen() (node, error) {
	open := p.peek()
	if err := p.enter(open.off); err != nil {
		return nil, err
	}
	name, ok := p.typeInParens()
	if !ok {
		return p.postfix()
	}
	x, err := p.unary()
	return &castNode{off: open.off, name: name, x: x}, err
}

func (p *parser) sizeof(off int) (node, error) {
	if err := p.enter(off); err != nil {
		return nil, err
	}
	start := p.pos
	if name, ok := p.typeInParens(); ok {
		return &sizeofNode{off: off, name: name}, nil
	}
	p.pos = start
	x, err := p.unary()
	return &sizeofNode{off: off, x: x}, err
}

// postfix reads a primary expression and the members, indexes and arrows
// behind it.
func (p *parser) postfix() (node, error) {
	x, err := p.primary()
	for err == nil {
		t := p.peek()
		switch {
		case p.accept("["):
			var i node
			if i, err = p.binary(0); err == nil {
				err = p.expect("]")
			}
			x = &indexNode{off: t.off, x: x, i: i}
		case p.accept("."), p.accept("->"):
			m := p.next()
			if m.kind != tokIdent {
				return nil, errorf(m.off, "want a member name, not %v", m)
			}
			x = &memberNode{off: m.off, x: x, name: m.text}
		default:
			return x, nil
		}
		if err == nil {
			err = p.enter(t.off)
		}
	}
	return nil, err
}

func (p *parser) primary() (node, error) {
	switch t := p.next(); {
	case t.kind == tokNum:
		return &numNode{lit: t.num}, nil
	case t.kind == tokReg:
		return &regNode{off: t.off, name: t.text}, nil
	case t.kind == tokIdent:
		if p.accept("(") {
			return p.call(t)
		}
		return &nameNode{off: t.off, name: t.text}, nil
	case t.kind == tokOp && t.text == "(":
		x, err := p.binary(0) // castOrParen has counted it
		if err == nil {
			err = p.expect(")")
		}
		return x, err
	default:
		return nil, errorf(t.off, "want a value, not %v", t)
	}
}
