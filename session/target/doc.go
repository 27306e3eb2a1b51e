// Package target is the stopped machine as a debugger wants it: CPUs with
// named registers, and memory that can be read whatever the CPUs are doing.
//
// Registers are described by the stub's target.xml, never by a table of
// numbers. Memory is read through a CPU where that works. Where it does not
// (all CPUs in user mode with page-table isolation, or a CPU between entry and
// the CR3 switch) the package walks the page tables itself over physical reads.
//
// Everything read is cached for the current stop only. [Target.Invalidate]
// starts the next one; whatever was handed out before answers [ErrStale].
package target
