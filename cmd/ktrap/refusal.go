package main

import "ktrap/session"

// refusal remembers that no vmlinux was found to fit after the session had
// been opened: the guest had to boot first. A terminal goes on without a kernel, but
// the command has not done what it was asked for.
type refusal struct {
	err error // owned by the session's loop while that runs
}

// hear is for session.Options.OnEvent.
func (r *refusal) hear(e session.Event) {
	switch e.Kind {
	case session.Ready:
		r.err = nil
	case session.Refused:
		r.err = e.Err
	}
}

// or gives the command's end: err, or else the refusal.
func (r *refusal) or(err error) error {
	if err == nil {
		return r.err
	}
	return err
}
