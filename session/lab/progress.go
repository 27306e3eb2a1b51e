package lab

// Event is a step of Prepare, or how far it is.
type Event struct {
	Step        string // what is being done, e.g. "download linux-image-6.1.0-56-cloud-amd64-dbg 6.1.192-2 (283 MB)"
	Done, Total int64  // bytes; Total 0 means unknown
}

// Progress receives events; nil is allowed where one is taken.
type Progress func(Event)

func (p Progress) send(e Event) {
	if p != nil {
		p(e)
	}
}
