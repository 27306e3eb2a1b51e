package rsptest

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"ktrap/rsp"
)

// Segment is a piece of memory.
type Segment struct {
	Addr uint64
	Data []byte
}

// Machine is a handler for a stub that behaves like QEMU 7.2 around memory and
// registers that a test lays out, with its habits: E14 for what is not mapped,
// E22 for what is too long, no p before target.xml was read, a bare D refused
// once multiprocess is on, selections that stops move.
//
// Its fields belong to the test until the client connects, and to the stub's
// goroutine then: Run, Monitor and Override may use them.
type Machine struct {
	CPUs []CPU     // thread n is CPUs[n-1]; the first is selected at start
	Mem  []Segment // virtual, the same for every CPU
	Phys []Segment // what m reads in physical memory mode

	// Run is called for each packet that resumes and returns the stop reply,
	// "" to run until interrupted. Nil: stops at once with T05.
	Run func(m *Machine, body string) string
	// Monitor answers qRcmd. Nil: nothing.
	Monitor func(cmd string) string
	// Override answers a packet before the machine does, if it likes.
	Override func(m *Machine, body string) (reply string, ok bool)

	// Breaks are the breakpoints that are set, "0,ffffffff81000000,1"; what is set
	// twice is there twice.
	Breaks []string
	// Detached says that the client took its leave.
	Detached bool

	multi, xmlRead, physical, running bool
	cpu                               int // index of the selected CPU, by Hg
	control                           int // by Hc: of which an interrupt is told
}

// CPU is a thread of a Machine.
type CPU struct {
	Regs []byte // as in g; see PutReg
	Info string // qThreadExtraInfo
}

// Handle is the machine's handler for NewStub and ListenUnix.
func (m *Machine) Handle(s *Stub, msg rsp.Message) {
	switch {
	case msg.Kind == rsp.Interrupt && m.running:
		m.stop(s, fmt.Sprintf("T02thread:%s;", m.threadID(m.control)))
	case msg.Kind == rsp.Packet:
		m.packet(s, string(msg.Body))
	}
}

func (m *Machine) stop(s *Stub, reply string) {
	m.running = false
	if stop, err := rsp.ParseStopReply([]byte(reply)); err == nil && stop.Thread.TID > 0 {
		m.cpu, m.control = stop.Thread.TID-1, stop.Thread.TID-1
	}
	s.Reply(reply)
}

func (m *Machine) packet(s *Stub, body string) {
	if m.Override != nil {
		if reply, ok := m.Override(m, body); ok {
			s.Reply(reply)
			return
		}
	}
	switch {
	case strings.HasPrefix(body, "vCont;"), body == "c", body == "s":
		m.running = true
		reply := fmt.Sprintf("T05thread:%s;", m.threadID(m.cpu))
		if m.Run != nil {
			reply = m.Run(m, body)
		}
		if reply != "" {
			m.stop(s, reply)
		}
	case strings.HasPrefix(body, "qRcmd,"):
		cmd, _ := hex.DecodeString(body[len("qRcmd,"):])
		if m.Monitor != nil {
			for line := range strings.Lines(m.Monitor(string(cmd))) {
				s.Reply("O" + hex.EncodeToString([]byte(line)))
			}
		}
		s.Reply("OK")
	default:
		s.Reply(m.answer(body))
	}
}

// answer replies to whatever has one reply.
func (m *Machine) answer(body string) string {
	switch name, args, _ := strings.Cut(body, ":"); name {
	case "qSupported":
		m.multi = strings.Contains(args, "multiprocess+")
		return "PacketSize=1000;qXfer:features:read+;vContSupported+;multiprocess+"
	case "qXfer":
		return m.xfer(args)
	case "?":
		m.Breaks = nil
		return fmt.Sprintf("T05thread:%s;", m.threadID(m.cpu))
	case "vCont?":
		return "vCont;c;C;s;S"
	case "qC":
		return "QC" + m.threadID(m.cpu)
	case "qqemu.sstepbits":
		return "ENABLE=1,NOIRQ=2,NOTIMER=4"
	case "qqemu.PhyMemMode":
		if m.physical {
			return "1"
		}
		return "0"
	case "Qqemu.PhyMemMode":
		m.physical = args == "1"
		return "OK"
	case "Qqemu.sstep=0x7":
		return "OK"
	case "qAttached":
		return "1"
	case "qfThreadInfo":
		return m.threads()
	case "qsThreadInfo":
		return "l"
	case "D", "D;1":
		if m.multi && body == "D" {
			return "E22"
		}
		m.Detached, m.Breaks = true, nil
		return "OK"
	case "g":
		return hex.EncodeToString(m.CPUs[m.cpu].Regs)
	}
	return m.answerArgs(body)
}

// answerArgs replies to packets whose arguments follow without a colon.
func (m *Machine) answerArgs(body string) string {
	if info, ok := strings.CutPrefix(body, "qThreadExtraInfo,"); ok {
		if i, ok := m.index(info); ok {
			return hex.EncodeToString([]byte(m.CPUs[i].Info))
		}
		return "E22"
	}
	if body == "" {
		return ""
	}
	args := body[1:]
	switch body[0] {
	case 'H':
		return m.selectCPU(args)
	case 'T':
		if _, ok := m.index(args); ok {
			return "OK"
		}
		return "E22"
	case 'p':
		return m.readReg(args)
	case 'P':
		return m.writeReg(args)
	case 'm':
		return m.read(args)
	case 'M':
		return m.write(args)
	case 'Z':
		m.Breaks = append(m.Breaks, args)
		return "OK"
	case 'z':
		i := slices.Index(m.Breaks, args)
		if i < 0 {
			return "E22"
		}
		m.Breaks = slices.Delete(m.Breaks, i, i+1)
		return "OK"
	}
	return ""
}

func (m *Machine) selectCPU(args string) string {
	if args == "" {
		return "OK"
	}
	i, ok := m.index(args[1:])
	switch {
	case args[0] == 'c' && (args[1:] == "0" || args[1:] == "-1"):
	case !ok:
		return "E22"
	case args[0] == 'c':
		m.control = i
	default:
		m.cpu = i
	}
	return "OK"
}

// index finds the CPU that a thread id means; any means the first.
func (m *Machine) index(id string) (int, bool) {
	t, err := rsp.ParseThreadID(id)
	if err != nil || t.TID > len(m.CPUs) {
		return 0, false
	}
	return max(t.TID-1, 0), true
}

func (m *Machine) threadID(cpu int) string {
	if m.multi {
		return fmt.Sprintf("p01.%02x", cpu+1)
	}
	return fmt.Sprintf("%02x", cpu+1)
}

func (m *Machine) threads() string {
	ids := make([]string, len(m.CPUs))
	for i := range ids {
		ids[i] = m.threadID(i)
	}
	return "m" + strings.Join(ids, ",")
}
