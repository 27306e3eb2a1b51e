package kernel

import (
	"fmt"

	"ktrap/session/target"
	"ktrap/symbols/addr"
)

// Limits on a module's sections.
const (
	maxSections    = 2048
	maxSectionName = 128
)

// sectAttrs reads module_sect_attrs, of which there are three kinds:
//
//	≤5.7       attrs[]{module_attribute; name; address}, nsections
//	5.8-6.13   attrs[]{bin_attribute battr; address}, nsections
//	6.14       attrs[] of bin_attribute, address in private; the pointers in
//	           grp.bin_attrs, ended by NULL, tell how many
type sectAttrs struct {
	mem  target.Memory
	head *shape // module_sect_attrs
	elem *shape // of attrs[]
	name string // field of elem
	at   string // field of elem
	err  error  // why sections cannot be read
}

func newSectAttrs(m target.Memory, l layouts) sectAttrs {
	r := sectAttrs{mem: m}
	r.head, r.err = shapeOf(l, "module_sect_attrs", "nsections", "attrs", "grp.bin_attrs", "grp.bin_attrs_new")
	if r.err != nil {
		return r
	}
	if r.head.has("nsections") {
		r.elem, r.err = shapeOf(l, "module_sect_attr", "name", "battr.attr.name", "address")
	} else {
		r.elem, r.err = shapeOf(l, "bin_attribute", "attr.name", "private")
	}
	if r.err != nil {
		return r
	}
	r.name = r.elem.first("name", "battr.attr.name", "attr.name")
	r.at = r.elem.first("address", "private")
	if r.name == "" || r.at == "" || !r.head.has("attrs") || r.elem.size <= 0 || r.elem.size > 4096 {
		r.err = fmt.Errorf("struct module_sect_attrs is of an unknown kind")
	}
	return r
}

// read gives the sections by name.
func (r sectAttrs) read(a addr.Addr) (map[string]addr.Addr, error) {
	if r.err != nil {
		return nil, r.err
	}
	n, err := r.count(a)
	if err != nil {
		return nil, fmt.Errorf("count sections: %w", err)
	}
	b := make([]byte, n*int(r.elem.size))
	if err := r.mem.ReadMemory(b, a+r.head.off("attrs")); err != nil {
		return nil, fmt.Errorf("read sections: %w", err)
	}
	out := make(map[string]addr.Addr, n)
	for i := range n {
		o, ok := r.elem.within(b, i*int(r.elem.size))
		if !ok {
			break
		}
		name, err := readString(r.mem, o.ptr(r.name), maxSectionName)
		if err != nil {
			return out, fmt.Errorf("read name of section %d: %w", i, err)
		}
		out[printable([]byte(name))] = o.ptr(r.at)
	}
	return out, nil
}

func (r sectAttrs) count(a addr.Addr) (int, error) {
	o, err := r.head.read(r.mem, a)
	if err != nil {
		return 0, err
	}
	if n, ok := o.uint("nsections"); ok {
		if n > maxSections {
			return 0, &CorruptError{"list of sections", a, fmt.Sprintf("it claims %d elements", n)}
		}
		return int(n), nil
	}
	at := o.ptr(r.head.first("grp.bin_attrs", "grp.bin_attrs_new"))
	for n := range maxSections {
		p, err := readPtr(r.mem, at+addr.Addr(8*n))
		if err != nil {
			return 0, err
		}
		if p == 0 {
			return n, nil
		}
	}
	return 0, &CorruptError{"list of sections", a, "it does not end"}
}
