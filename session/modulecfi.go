package session

import (
	"slices"

	"ktrap/session/unwind"
	"ktrap/symbols"
	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
)

// moduleCFI is the .debug_frame of a module's file, for each of its sections
// of code that is in the guest: ORC alone loses the registers that hold the
// variables of everybody who called the module.
func moduleCFI(m *symbols.Module) (areas []unwind.Area) {
	if m.Image == nil {
		return nil
	}
	frame, err := m.Image.File().Section(".debug_frame")
	if err != nil {
		return nil // stripped: ORC still finds the callers
	}
	table := cfi.NewDebugFrame(frame)
	for _, sec := range m.Image.File().Sections() {
		at, placed := m.Sections[sec.Name]
		if !placed || !sec.Exec() || !slices.ContainsFunc(m.Text, func(r symbols.Range) bool { return r.Start <= at && at < r.End }) {
			continue // that of a freed section may be another module's by now
		}
		areas = append(areas, unwind.Area{
			Low: at, High: at + addr.Addr(sec.Size), Table: table,
			Slide: addr.Slide(uint64(at) - sec.Addr),
		})
	}
	return areas
}
