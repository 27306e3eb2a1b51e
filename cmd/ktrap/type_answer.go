package main

import (
	"debug/dwarf"
	"errors"

	"ktrap/symbols/addr"
	"ktrap/symbols/types"
)

// The JSON form, one object per name; docs/type.md describes it.
type (
	typeAnswer struct {
		Input  string `json:"input"`
		Kind   string `json:"kind,omitempty"` // type, variable or member
		Type   string `json:"type,omitempty"`
		Size   int64  `json:"size,omitempty"`
		Reason string `json:"reason,omitempty"`
		// Definition says what a typedef stands for.
		Definition string           `json:"definition,omitempty"`
		Member     *typeMember      `json:"member,omitempty"`
		Variables  []typeVariable   `json:"variables,omitempty"`
		Layouts    []*types.Outline `json:"layouts,omitempty"` // several: different types of one name
	}
	typeMember struct {
		Of     string `json:"of"`
		Addr   string `json:"addr,omitempty"` // of a variable's member
		Decl   string `json:"decl"`
		Off    int64  `json:"offset"`
		Size   int64  `json:"size"`
		BitOff int64  `json:"bit_offset,omitempty"`
		Bits   int64  `json:"bit_size,omitempty"`
	}
	typeVariable struct {
		Decl   string `json:"decl"`
		Addr   string `json:"addr"`
		Size   int64  `json:"size"`
		PerCPU bool   `json:"per_cpu"`
		File   string `json:"file,omitempty"`
		Func   string `json:"func,omitempty"`
	}
)

func (c *typeCmd) answer(info *types.Info, name string) *typeAnswer {
	a := &typeAnswer{Input: name}
	s, err := info.Subject(name)
	if err != nil {
		a.Reason = err.Error()
		return a
	}
	a.Kind, a.Type = "type", types.Spell(s.Type)
	a.Size, _ = types.SizeOf(s.Type)
	for _, v := range s.Variables {
		a.Kind = "variable"
		size, _ := types.SizeOf(v.Type)
		a.Variables = append(a.Variables, typeVariable{types.Declare(v.Type, v.Name), v.Addr.String(), size, v.PerCPU, v.File, v.Func})
	}
	if f := s.Field; f != nil {
		a.Kind = "member"
		a.Member = &typeMember{types.Spell(s.Of), "", types.Declare(f.Type, f.Name), f.Off, f.Size, f.BitOff, f.BitSize}
		if len(s.Variables) == 1 {
			a.Member.Addr = (s.Variables[0].Addr + addr.LinkAddr(f.Off)).String()
		}
	}
	if td, ok := s.Type.(*dwarf.TypedefType); ok {
		a.Definition = types.Definition(td)
	}
	if a.Kind == "variable" {
		return a
	}
	for _, t := range append([]dwarf.Type{s.Type}, s.Others...) {
		switch layout, err := info.Outline(t, &types.OutlineOptions{Expand: c.Expand}); {
		case err == nil:
			a.Layouts = append(a.Layouts, layout)
		case !errors.Is(err, types.ErrNoLayout):
			a.Reason = err.Error()
		}
	}
	return a
}
