package kernel

import "math/bits"

// State is a task's scheduling state.
type State struct {
	Raw   uint32 // task_struct.__state, state before 5.14
	Exit  uint32 // task_struct.exit_state
	Known bool
}

// Bits of a state, the same since 4.14 as far as they exist.
// Source: linux include/linux/sched.h.
const (
	taskUninterruptible = 0x02
	taskReport          = 0x7f // up to TASK_PARKED: what ps shows
	taskReportIdle      = 0x80
	taskDead            = 0x80
	taskIdle            = 0x402
	taskRTLockWait      = 0x1000 // 5.14 and later
	taskFrozen          = 0x8000 // 6.1 and later
)

// Letter is what ps shows for the state, "?" if unknown.
// Source: linux fs/proc/array.c and __task_state_index, include/linux/sched.h.
func (s State) Letter() string {
	if !s.Known {
		return "?"
	}
	v := (s.Raw | s.Exit) & taskReport
	switch {
	case s.Raw&taskIdle == taskIdle:
		v = taskReportIdle
	case s.Raw&(taskRTLockWait|taskFrozen) != 0:
		v = taskUninterruptible
	}
	const letters = "RSDTtXZPI"
	return letters[bits.Len32(v):][:1]
}

// Dead reports whether the task has ended: its stack may be gone.
func (s State) Dead() bool { return s.Raw&taskDead != 0 }
