package oops

import "strings"

// stacks reads all stacks of a report.
// Shape: a stack is a run of frames, with the register blocks, context markers
// and raw words the kernel prints between them. It starts at a frame or at
// "Call Trace:" and ends at any other line, at a blank one, and at </TASK>.
func stacks(lines []entry) (all []Trace, alone []Block) {
	r := stackReader{task: noTask()}
	for i := range lines {
		r.line(&lines[i])
	}
	r.close()
	r.finishBlock()
	return r.all, r.alone
}

type stackReader struct {
	all     []Trace
	alone   []Block
	cur     *Trace // open stack, nil if none
	block   *Block // register block being read, nil if none
	inTrace bool   // block belongs to cur
	title   string // last line that was no part of a stack
	task    Task   // of the last CPU line
	context []string
}

func (r *stackReader) line(e *entry) {
	if e.marker != "" {
		r.mark(e)
	}
	switch e.kind {
	case frameLine:
		r.addFrame(e.frame)
	case fromLine:
		r.addFrom(e)
	case ipLine:
		r.startBlock(e)
	case regsLine:
		r.addRegs(e.text)
	case codeLine:
		if r.block != nil {
			r.block.Code, _ = parseCode(e.text)
		}
	case startLine:
		r.open(e.text, CallTrace)
	case cpuLine:
		r.close()
		r.finishBlock()
		r.task = parseTask(e.text)
		r.title = e.text
	case blankLine:
		r.close()
	case otherLine:
		r.close()
		r.title = e.text
	}
}

// mark follows <IRQ> … </IRQ>. EOI ends whatever was open.
func (r *stackReader) mark(e *entry) {
	switch {
	case !e.leave:
		r.context = append(r.context, e.marker)
	case len(r.context) > 0:
		r.context = r.context[:len(r.context)-1]
	}
	if e.leave && e.marker == "TASK" && e.kind == markerLine {
		r.close()
	}
}

// open starts a stack. A register block waiting in front of a call trace is
// the place of the fault: its RIP becomes the first frame.
func (r *stackReader) open(title string, kind Kind) {
	r.close()
	r.context = nil
	r.cur = &Trace{Kind: kind, Title: title, Task: r.task}
	if r.block == nil || kind != CallTrace {
		return
	}
	head := r.block
	r.block = nil
	if !head.User {
		head.At = 0
		r.cur.Frames = append(r.cur.Frames, head.RIP)
	}
	r.cur.Blocks = append(r.cur.Blocks, *head)
}

// close ends the open stack. A block in front of a stack keeps waiting.
func (r *stackReader) close() {
	if r.inTrace {
		r.finishBlock()
	}
	if r.cur != nil && len(r.cur.Frames) > 0 {
		r.all = append(r.all, *r.cur)
	}
	r.cur = nil
}

// finishBlock puts the register block where it belongs.
func (r *stackReader) finishBlock() {
	switch {
	case r.block == nil:
	case r.inTrace:
		r.cur.Blocks = append(r.cur.Blocks, *r.block)
	case len(r.block.Regs) > 0 || r.block.Code != "":
		r.alone = append(r.alone, *r.block)
	}
	r.block, r.inTrace = nil, false
}

func (r *stackReader) addFrame(f Frame) {
	if r.cur == nil {
		r.open(r.title, traceKind(r.title))
	}
	if r.inTrace {
		r.finishBlock()
	}
	r.cur.Frames = append(r.cur.Frames, r.inContext(f))
}

// addFrom adds the caller of an arm line, and the callee if it is not the
// caller of the line before.
func (r *stackReader) addFrom(e *entry) {
	if r.cur == nil {
		r.open(r.title, traceKind(r.title))
	}
	if n := len(r.cur.Frames); n == 0 || r.cur.Frames[n-1].Func != e.callee.Func {
		r.addFrame(e.callee)
	}
	r.addFrame(e.frame)
}

// startBlock begins a register block. Inside an open stack it is an exception
// frame and its RIP a frame of the stack; else it waits for what follows.
func (r *stackReader) startBlock(e *entry) {
	if b := r.block; b != nil && len(b.Regs) == 0 && e.frame.Func == "" && b.RIP.Func != "" {
		b.RIP.Addr = e.frame.Addr // arm names the function on one line and its address on the next
		return
	}
	r.finishBlock()
	r.newBlock()
	r.block.User = e.user
	if e.user {
		return
	}
	r.block.RIP = e.frame
	if r.inTrace {
		r.block.At = len(r.cur.Frames)
		r.cur.Frames = append(r.cur.Frames, r.inContext(e.frame))
	}
}

func (r *stackReader) newBlock() {
	r.block = &Block{At: -1}
	r.inTrace = r.cur != nil && len(r.cur.Frames) > 0
}

func (r *stackReader) addRegs(text string) {
	if r.block == nil {
		r.newBlock()
	}
	r.block.Regs = append(r.block.Regs, parseRegs(text)...)
}

func (r *stackReader) inContext(f Frame) Frame {
	if n := len(r.context); n > 0 {
		f.Context = r.context[n-1]
	}
	return f
}

// traceKind tells from the line above a stack what the stack is about.
func traceKind(title string) Kind {
	switch {
	case isStackStart(title):
		return CallTrace
	case strings.HasPrefix(title, "Allocated"), strings.Contains(title, "llocated by task"), strings.HasPrefix(title, "page last allocated"):
		return AllocTrace
	case strings.HasPrefix(title, "Freed"), strings.Contains(title, "reed by task"), strings.HasPrefix(title, "page last free"):
		return FreeTrace
	}
	return OtherTrace
}
