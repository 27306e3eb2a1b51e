package symbols

import (
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"

	"ktrap/symbols/addr"
	"ktrap/symbols/cfi"
	"ktrap/symbols/elffile"
	"ktrap/symbols/types"
)

// noPanic fails the test when a panic was caught and logged.
type noPanic struct{ t *testing.T }

func (w noPanic) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "damaged file: ") {
		w.t.Errorf("panic: %s", p)
	}
	return len(p), nil
}

func checkNoPanic(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		_, _ = noPanic{t}.Write([]byte(err.Error()))
	}
}

// ask puts all kinds of questions to an image and counts the answers.
func ask(t *testing.T, name string, data []byte) (answers int) {
	t.Helper()
	t.Setenv("KTRAP_CACHE", t.TempDir()) // what the sound image left there would answer
	f, err := elffile.New(name, data)
	if err != nil {
		checkNoPanic(t, err)
		return 0
	}
	o := &OpenOptions{Log: slog.New(slog.NewTextHandler(noPanic{t}, nil))}
	im := NewImage(f, o)
	kernel, err := NewOffline(im, &OfflineOptions{Log: o.Log})
	if err != nil {
		t.Fatal(err)
	}
	defer kernel.Close()
	for _, text := range hostileQueries {
		if a := kernel.Ask(text); a.Reason == "" {
			answers++
		}
	}
	im.Banner()
	im.MadeFor()
	im.Complete("w", 10)
	answers += askAddresses(t, kernel)
	return answers + askTypes(t, im)
}

var hostileQueries = []string{
	"start_kernel", "wake+0x4", "panic_path", "init_task", "main.c:19", "task.h:19", "task.c:13", "entry.S:5",
	".text+0x10 [hostile]", ".text.start_kernel+0x4 [hostile]", "0xffffffff81000000",
}

// askAddresses looks up addresses of all code one by one, then by the index; the
// two must agree.
func askAddresses(t *testing.T, kernel *Offline) (answers int) {
	t.Helper()
	s := kernel.Symbolizer()
	text := slices.Clone(s.text)
	for _, p := range s.placed {
		text = append(text, p.text...)
	}
	var places []addr.Addr
	for _, r := range text[:min(len(text), 16)] {
		step := (r.End-r.Start)/60 + 1
		for n := range addr.Addr(60) {
			places = append(places, r.Start+n*step)
		}
		places = append(places, r.End-1)
	}
	answer := func(a addr.Addr) []Location {
		locs, _ := s.Locate(a)
		return locs
	}
	var alone [][]Location
	for _, a := range places {
		locs := answer(a)
		if len(locs) > 0 {
			answers++
		}
		alone = append(alone, locs)
		if r, ok := s.LineRange(a); ok && !r.Contains(a) {
			t.Errorf("line range %v does not hold %v", r, a)
		}
	}
	for _, im := range kernel.all() {
		im.lines.Expect(1 << 20)
	}
	for n, a := range places {
		if locs := answer(a); !reflect.DeepEqual(locs, alone[n]) {
			t.Errorf("%v by the index: %+v, alone: %+v", a, locs, alone[n])
		}
	}
	return answers
}

// all gives vmlinux and the modules that are open.
func (f *Offline) all() []*Image {
	if f.vmlinux != nil {
		return append([]*Image{f.vmlinux}, f.images...)
	}
	return f.images
}

// askTypes asks for types, variables and where locals are.
func askTypes(t *testing.T, im *Image) (answers int) {
	t.Helper()
	info := im.Types()
	for _, name := range []string{"struct task", "u32", "enum state", "struct list_head", "int", "unsigned char"} {
		typ, err := info.TypeByName(name)
		if checkNoPanic(t, err); err != nil {
			continue
		}
		answers++
		types.Describe(typ)
		_, err = info.Outline(typ, &types.OutlineOptions{Expand: true})
		checkNoPanic(t, err)
	}
	for _, name := range []string{"init_task", "init_task.tasks.next", "task.comm", "woken", "nothing"} {
		sub, err := info.Subject(name)
		checkNoPanic(t, err)
		if err == nil && sub.Type != nil {
			answers++
			types.Definition(sub.Type)
		}
	}
	_, err := info.Variables("init_task")
	checkNoPanic(t, err)
	_, err = info.Function("wake")
	checkNoPanic(t, err)
	_, _, err = info.Constant("STUCK")
	checkNoPanic(t, err)
	return answers + askLocals(t, im)
}

func askLocals(t *testing.T, im *Image) (answers int) {
	t.Helper()
	var frames *cfi.DebugFrame
	if data, err := im.File().Section(".debug_frame"); err == nil {
		frames = cfi.NewDebugFrame(data)
	}
	frame := &types.Frame{Regs: new(cfi.Regs), CFA: 0x7000, Memory: noMemory{}, Run: func(a addr.LinkAddr) addr.Addr { return addr.Addr(a) }}
	for r := range cfi.NumRegs {
		frame.Regs.Set(r, 0x1000+uint64(r))
	}
	for _, sec := range im.File().Sections() {
		if !sec.Exec() {
			continue
		}
		for off := uint64(0); off < min(sec.Size, 512); off += 16 {
			if frames != nil {
				frames.Row(sec.Addr + off)
			}
			scopes, err := im.Types().Scopes(addr.LinkAddr(sec.Addr + off))
			checkNoPanic(t, err)
			for _, s := range scopes {
				for n := range s.Vars {
					if _, err := s.Vars[n].Locate(frame); err == nil {
						answers++
					}
				}
			}
		}
	}
	return answers
}

// noMemory is a machine that cannot be read.
type noMemory struct{}

func (noMemory) ReadMemory([]byte, addr.Addr) error { return errors.New("not mapped") }
