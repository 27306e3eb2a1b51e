// Package expr evaluates C expressions over a stopped kernel and prints values
// as gdb does: what `print` in the terminal and the scripts stand on.
//
// The way of an expression: [Parse] makes a tree, [Expr.Eval] walks it over an
// [Env] and yields a [Value], [Value.Format] prints it. Values are read from
// memory late and only as far as they are needed; a struct that is only passed
// through on the way to one member is never read.
//
// Everything read from the guest may be garbage: sizes, depths and counts are
// bounded, pointers are followed one level for strings only, and no control
// character comes out.
package expr
