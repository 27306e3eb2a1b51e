package expr

import (
	"debug/dwarf"
	"fmt"

	"ktrap/symbols/addr"
	"ktrap/symbols/types"
)

// Eval parses and evaluates an expression.
// Errors: *Error with the place in the expression.
func (e *Env) Eval(src string) (Value, error) {
	x, err := Parse(src, e.isType)
	if err != nil {
		return Value{}, err
	}
	return x.Eval(e)
}

// Eval evaluates the expression. Nothing is read of a value that the
// expression only passes through.
// Errors: *Error with the place in the expression.
func (x *Expr) Eval(env *Env) (Value, error) {
	v, err := x.root.eval(env)
	if err != nil {
		return Value{}, err
	}
	return v.In(env), nil
}

// node is a part of a parsed expression.
type node interface {
	eval(env *Env) (Value, error)
}

type (
	numNode  struct{ lit literal }
	nameNode struct {
		off  int
		name string
	}
	regNode struct {
		off  int
		name string
	}
	unaryNode struct {
		off int
		op  string
		x   node
	}
	binaryNode struct {
		off  int
		op   string
		x, y node
	}
	indexNode struct {
		off  int
		x, i node
	}
	memberNode struct {
		off  int
		x    node
		name string
	}
	castNode struct {
		off  int
		name string
		x    node
	}
	sizeofNode struct {
		off  int
		name string // of a type, else x counts
		x    node
	}
	perCPUNode struct {
		off    int
		v, cpu node
	}
	// containerNode is container_of, and offsetof when x is nil.
	containerNode struct {
		off        int
		x          node
		name, path string
	}
)

func (n *numNode) eval(env *Env) (Value, error) {
	return number(n.lit.typ, n.lit.value).In(env), nil
}

func (n *nameNode) eval(env *Env) (Value, error) {
	v, err := env.lookup(n.name)
	if err != nil {
		return Value{}, errAt(n.off, err)
	}
	return v, nil
}

func (n *regNode) eval(env *Env) (Value, error) {
	if env.Reg == nil {
		return Value{}, errorf(n.off, "no registers to read $%s from", n.name)
	}
	u, ok := env.Reg(n.name)
	if !ok {
		return Value{}, errorf(n.off, "register $%s is not known here", n.name)
	}
	return number(typeUlong, u).In(env), nil
}

func (n *unaryNode) eval(env *Env) (Value, error) {
	x, err := n.x.eval(env)
	if err != nil {
		return Value{}, err
	}
	v, err := unary(n.op, x)
	if err != nil {
		return Value{}, errAt(n.off, err)
	}
	return v.In(env), nil
}

func unary(op string, x Value) (Value, error) {
	switch op {
	case "*":
		if kindOf(x.typ).integral() {
			// gdb reads *$rsp as a long too.
			var err error
			if x, err = x.Cast(types.PointerTo(typeLong)); err != nil {
				return Value{}, err
			}
		}
		return x.Deref()
	case "&":
		return x.AddressOf()
	case "!":
		u, err := x.scalar()
		return truth(u == 0), err
	}
	t, err := promote(x)
	if err != nil {
		return Value{}, err
	}
	u, err := x.scalar()
	switch op {
	case "-":
		u = -u
	case "~":
		u = ^u
	}
	return number(t, u), err
}

func (n *binaryNode) eval(env *Env) (Value, error) {
	x, err := n.x.eval(env)
	if err != nil {
		return Value{}, err
	}
	if done, ok := shortCut(n.op, x); ok {
		return done.In(env), nil
	}
	y, err := n.y.eval(env)
	if err != nil {
		return Value{}, err
	}
	v, err := apply(n.op, x, y)
	if err != nil {
		return Value{}, errAt(n.off, err)
	}
	return v.In(env), nil
}

// shortCut decides && and || by their left side where that is enough.
func shortCut(op string, x Value) (Value, bool) {
	if op != "&&" && op != "||" {
		return Value{}, false
	}
	u, err := x.scalar()
	if err != nil || (u != 0) != (op == "||") {
		return Value{}, false
	}
	return truth(u != 0), true
}

func (n *indexNode) eval(env *Env) (Value, error) {
	x, err := n.x.eval(env)
	if err != nil {
		return Value{}, err
	}
	i, err := n.i.eval(env)
	if err != nil {
		return Value{}, err
	}
	at, err := i.Int()
	if err != nil {
		return Value{}, errAt(n.off, err)
	}
	v, err := x.Index(at)
	if err != nil {
		return Value{}, errAt(n.off, err)
	}
	return v, nil
}

func (n *memberNode) eval(env *Env) (Value, error) {
	x, err := n.x.eval(env)
	if err != nil {
		return Value{}, err
	}
	v, err := x.Field(n.name)
	if err != nil {
		return Value{}, errAt(n.off, err)
	}
	return v, nil
}

func (n *castNode) eval(env *Env) (Value, error) {
	t, err := env.typeByName(n.name)
	if err != nil {
		return Value{}, errAt(n.off, err)
	}
	x, err := n.x.eval(env)
	if err != nil {
		return Value{}, err
	}
	v, err := x.Cast(t)
	if err != nil {
		return Value{}, errAt(n.off, err)
	}
	return v, nil
}

func (n *sizeofNode) eval(env *Env) (Value, error) {
	var t dwarf.Type
	if n.x == nil {
		var err error
		if t, err = env.typeByName(n.name); err != nil {
			return Value{}, errAt(n.off, err)
		}
	} else {
		x, err := n.x.eval(env)
		if err != nil {
			return Value{}, err
		}
		t = x.typ
	}
	size, err := env.stride(t)
	if err != nil {
		return Value{}, errAt(n.off, err)
	}
	return number(typeUlong, uint64(size)).In(env), nil
}

func (n *perCPUNode) eval(env *Env) (Value, error) {
	v, err := n.v.eval(env)
	if err != nil {
		return Value{}, err
	}
	c, err := n.cpu.eval(env)
	if err != nil {
		return Value{}, err
	}
	cpu, err := c.Int()
	if err != nil {
		return Value{}, errAt(n.off, err)
	}
	if kindOf(v.typ) == kindPointer { // what alloc_percpu gave
		if v, err = v.Deref(); err != nil {
			return Value{}, errAt(n.off, err)
		}
	}
	if env.PerCPU == nil || !v.mem || cpu < 0 || cpu > 1<<16 {
		return Value{}, errorf(n.off, "no copy of CPU %d", cpu)
	}
	if v.addr, err = env.PerCPU(v.addr, int(cpu)); err != nil {
		return Value{}, errAt(n.off, err)
	}
	return v, nil
}

func (n *containerNode) eval(env *Env) (Value, error) {
	t, err := env.typeByName(n.name)
	if err != nil {
		return Value{}, errAt(n.off, err)
	}
	inner, err := At(t, 0).In(env).path(n.path)
	if err != nil {
		return Value{}, errAt(n.off, err)
	}
	if n.x == nil {
		return number(typeUlong, uint64(inner.addr)).In(env), nil
	}
	x, err := n.x.eval(env)
	if err != nil {
		return Value{}, err
	}
	a, err := x.scalar()
	if err != nil {
		return Value{}, errAt(n.off, err)
	}
	return number(types.PointerTo(t), uint64(addr.Addr(a)-inner.addr)).In(env), nil
}

// path follows "a.b[2].c" within a value.
func (v Value) path(path string) (Value, error) {
	x, err := Parse("x."+path, nil)
	if err != nil {
		return Value{}, fmt.Errorf("bad member %q", path)
	}
	within := *v.env
	within.Scope = oneValue{v}
	return x.Eval(&within)
}

// oneValue is a scope of a single nameless variable.
type oneValue struct{ v Value }

func (o oneValue) Lookup(string) (Value, error) { return o.v, nil }
