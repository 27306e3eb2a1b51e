package types

import (
	"debug/dwarf"
	"errors"
	"fmt"
	"strings"
)

// Subject is what a name that people type stands for: a type, a variable, or a
// member of either.
//
// To show it: a variable has Variables, and each its own type and address; a
// member has Field; what is left is the type. [Info.Outline] lays Type out,
// if it is a struct, union or enum; [Definition] writes a typedef. [Declare]
// and [Spell] write the rest.
type Subject struct {
	Name string // as asked for
	// Type is that of the member, of the preferred variable, or the type itself.
	Type dwarf.Type
	// Field is the member asked for, its place counted from Of or from the
	// variable's address; nil for the whole.
	Field *Field
	// Of is the struct or union the member is in; nil for the whole.
	Of dwarf.Type
	// Variables are the variables of that name, the preferred one first; static
	// ones of several files may share it.
	Variables []Variable
	// Others are further types of the same name: another struct that another
	// file calls so, a union beside a struct. Only BTF lists them.
	Others []dwarf.Type
}

// Subject finds what a name means: a C type name ("task_struct", "struct page",
// "u64", "unsigned long", "enum pid_type"), else a variable, each with or without
// a path of members behind it: "task_struct.se.vruntime", "init_task.comm[3]".
// A name without "struct" is looked for as a struct, a union, an enum, a
// typedef and a base type, then as a variable. "&name" is the variable even if
// there is such a type.
// Errors: wraps ErrNotFound or ErrNoDebugInfo.
func (i *Info) Subject(name string) (*Subject, error) {
	head, path := splitPath(name)
	s := &Subject{Name: name}
	variable := i.likelyVariable(head)
	if strings.HasPrefix(path, "[") && !variable && i.subjectType(s, name) == nil {
		return s, nil // "int[4]" is a type of its own
	}
	if err := i.subjectWhole(s, head, variable); err != nil {
		return nil, err
	}
	if path != "" {
		if err := i.subjectMember(s, path); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// subjectWhole finds the type or variable of a name; variable says which is
// looked for first.
func (i *Info) subjectWhole(s *Subject, name string, variable bool) error {
	if variable && i.subjectVariable(s, name) == nil {
		return nil
	}
	err := i.subjectType(s, name)
	if err == nil {
		return nil
	}
	varErr := i.subjectVariable(s, name)
	switch {
	case varErr == nil:
		return nil
	case errors.Is(err, ErrNoDebugInfo):
		return err
	case errors.Is(varErr, ErrNoDebugInfo):
		return varErr
	}
	return fmt.Errorf("%q is neither a type nor a variable: %w", name, varErr)
}

// likelyVariable reports whether a name is that of a symbol and of no type in
// BTF. To learn that DWARF has no such type either all of it must be searched,
// so such a name is first taken for a variable.
func (i *Info) likelyVariable(name string) bool {
	if strings.HasPrefix(name, "&") {
		return true
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	b, err := i.loadBTF()
	if err != nil || name == "" || identLen(name) != len(name) || isBaseWord(name) {
		return false
	}
	for id := range b.all(name) {
		if t, _ := b.at(id); t.kind != btfVar && t.kind != btfFunc {
			return false
		}
	}
	for _, exact := range i.dataSymbols(name) {
		if exact {
			return true
		}
	}
	return false
}

// splitPath cuts a name in front of its path of members.
func splitPath(name string) (head, path string) {
	if n := strings.IndexAny(name, ".["); n >= 0 {
		return name[:n], strings.TrimPrefix(name[n:], ".")
	}
	return name, ""
}

func (i *Info) subjectType(s *Subject, name string) error {
	if strings.HasPrefix(name, "&") {
		return fmt.Errorf("find type %q: %w", name, ErrNotFound)
	}
	sp, err := parseSpelling(name)
	if err != nil {
		return fmt.Errorf("read type name %q: %w", name, err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	tags := []string{sp.tag}
	if sp.tag == "" && sp.plain() {
		tags = []string{"struct", "union", "enum", ""}
	}
	t, err := i.namedAny(tags, sp.name)
	if err != nil {
		return fmt.Errorf("find type %q: %w", name, err)
	}
	s.Type = sp.wrap(t)
	if sp.plain() {
		s.Others = i.othersNamed(tags, sp.name, t)
	}
	return nil
}

func (i *Info) subjectVariable(s *Subject, name string) (err error) {
	name = strings.TrimSpace(strings.TrimPrefix(name, "&"))
	if s.Variables, err = i.Variables(name); err != nil {
		return err
	}
	s.Type = s.Variables[0].Type
	return nil
}

// subjectMember goes on from the whole to a member.
func (i *Info) subjectMember(s *Subject, path string) error {
	f, ok := i.fieldOf(s.Type, path)
	if !ok {
		return fmt.Errorf("%s has no member %q: %w", Spell(s.Type), path, ErrNotFound)
	}
	s.Of, s.Field, s.Type = s.Type, &f, f.Type
	s.Others = nil
	return nil
}

// maxOthers bounds the further types of one name.
const maxOthers = 32

// othersNamed lists what else BTF has under a name. Called with mu held.
func (i *Info) othersNamed(tags []string, name string, but dwarf.Type) []dwarf.Type {
	b, err := i.loadBTF()
	if err != nil {
		return nil
	}
	var out []dwarf.Type
	for id := range b.all(name) {
		t, _ := b.at(id)
		for _, tag := range tags {
			if !t.tagged(tag) || t.declares() || len(out) == maxOthers {
				continue
			}
			if typ := b.typeOf(id); typ != but {
				out = append(out, typ)
			}
		}
	}
	return out
}

// Definition writes what a typedef stands for, "typedef long unsigned int u64;",
// one step only; any other type is spelled.
func Definition(t dwarf.Type) string {
	if td, ok := t.(*dwarf.TypedefType); ok {
		return "typedef " + Declare(td.Type, td.Name) + ";"
	}
	return Spell(t)
}
