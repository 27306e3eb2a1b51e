package expr

import "strings"

// call reads the arguments of the few functions there are; they take types and
// member names where C's macros do.
func (p *parser) call(fn token) (node, error) {
	if err := p.enter(fn.off); err != nil {
		return nil, err
	}
	switch fn.text {
	case "per_cpu":
		v, err := p.binary(0)
		if err == nil {
			err = p.expect(",")
		}
		if err != nil {
			return nil, err
		}
		cpu, err := p.binary(0)
		if err == nil {
			err = p.expect(")")
		}
		return &perCPUNode{off: fn.off, v: v, cpu: cpu}, err
	case "container_of":
		x, err := p.binary(0)
		if err == nil {
			err = p.expect(",")
		}
		if err != nil {
			return nil, err
		}
		name, path, err := p.typeAndMember()
		return &containerNode{off: fn.off, x: x, name: name, path: path}, err
	case "offsetof":
		name, path, err := p.typeAndMember()
		return &containerNode{off: fn.off, name: name, path: path}, err
	}
	return nil, errorf(fn.off, "functions of the guest cannot be called: %q", fn.text)
}

// typeAndMember reads "struct x, a.b[2])".
func (p *parser) typeAndMember() (name, path string, err error) {
	name, ok := p.typeName()
	if !ok {
		t := p.peek()
		return "", "", errorf(t.off, "want a type, not %v", t)
	}
	if err := p.expect(","); err != nil {
		return "", "", err
	}
	from := p.peek()
	for t := p.peek(); t.kind == tokIdent || t.kind == tokNum || t.kind == tokOp && strings.Contains(".[]", t.text); t = p.peek() {
		path += p.next().text
	}
	if path == "" {
		return "", "", errorf(from.off, "want a member, not %v", from)
	}
	return name, path, p.expect(")")
}

// typeInParens reads "(struct x *)" if that is what comes and leaves the
// parser where it was if not.
func (p *parser) typeInParens() (string, bool) {
	start := p.pos
	if p.accept("(") {
		if name, ok := p.typeName(); ok && p.accept(")") {
			return name, true
		}
	}
	p.pos = start
	return "", false
}

// typeName reads a type name as far as it goes.
func (p *parser) typeName() (string, bool) {
	start := p.pos
	words, sure := p.typeWords()
	if words == 0 {
		p.pos = start
		return "", false
	}
	stars := 0
	for p.accept("*") || p.typeQualifier() {
		stars++
	}
	for p.accept("[") {
		if p.next().kind != tokNum || !p.accept("]") {
			p.pos = start
			return "", false
		}
	}
	end := p.peek()
	name := strings.TrimSpace(p.src[p.toks[start].off:end.off])
	closes := end.kind == tokOp && (end.text == ")" || end.text == ",")
	// "(x *)" is no expression, so x is a type; "(x)" is one if known as such.
	if !closes || !sure && stars == 0 && !p.isType(p.toks[start].text) {
		p.pos = start
		return "", false
	}
	return name, true
}

// typeWords reads the words of a type: a tag and a name, base type keywords,
// or one name of which it is not sure.
func (p *parser) typeWords() (words int, sure bool) {
	for p.typeQualifier() {
		sure = true
	}
	t := p.peek()
	if t.kind != tokIdent {
		return 0, false
	}
	switch {
	case t.text == "struct" || t.text == "union" || t.text == "enum":
		p.next()
		if p.next().kind != tokIdent {
			return 0, false
		}
		return 2, true
	case isBaseWord(t.text):
		for words = 0; isBaseWord(p.peek().text); words++ {
			p.next()
		}
		return words, true
	}
	p.next()
	return 1, sure
}

func (p *parser) typeQualifier() bool {
	switch t := p.peek(); t.text {
	case "const", "volatile", "restrict":
		p.next()
		return true
	}
	return false
}

func isBaseWord(w string) bool {
	switch w {
	case "char", "short", "int", "long", "signed", "unsigned", "void", "_Bool", "float", "double":
		return true
	}
	return false
}
