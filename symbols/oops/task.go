package oops

import "strings"

func noTask() Task { return Task{CPU: -1, PID: -1} }

// parseTask reads the CPU line.
// Sample: CPU: 0 PID: 112 Comm: sh Tainted: G           OE      6.1.0-56-cloud-amd64 #1  Debian 6.1.192-1
// Sample: CPU: 1 UID: 0 PID: 5827 Comm: syz-executor187 Not tainted 6.14.0-syzkaller #0 PREEMPT(full)
func parseTask(text string) Task {
	t := noTask()
	t.CPU = numberAfter(text, "CPU:")
	t.PID = numberAfter(text, "PID:")
	_, rest, ok := strings.Cut(text, "Comm: ")
	if !ok {
		return t
	}
	if comm, kernel, ok := strings.Cut(rest, " Not tainted "); ok {
		t.Comm, t.Kernel = comm, strings.TrimSpace(kernel)
		return t
	}
	comm, rest, ok := strings.Cut(rest, " Tainted: ")
	t.Comm = strings.TrimSpace(comm)
	if !ok {
		return t
	}
	// The letters stand in fixed columns: blanks between them are flags not set.
	var letters strings.Builder
	for rest != "" {
		rest = strings.TrimLeft(rest, " ")
		word, after := span(rest, func(c byte) bool { return c != ' ' })
		if !isTaint(word) {
			break
		}
		letters.WriteString(word)
		rest = after
	}
	t.Tainted, t.Kernel = letters.String(), strings.TrimSpace(rest)
	return t
}

func isTaint(word string) bool {
	for i := range len(word) {
		if word[i] < 'A' || word[i] > 'Z' {
			return false
		}
	}
	return word != ""
}

// numberAfter reads the number behind a label, -1 if there is none.
func numberAfter(text, label string) int {
	_, rest, ok := strings.Cut(text, label)
	if !ok {
		return -1
	}
	digits, _ := span(skipBlanks(rest), isDigit)
	return atoi(digits)
}
