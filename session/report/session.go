package report

// Session is session.json: how to get to this crash again.
type Session struct {
	Schema      int        `json:"schema"` // set by Write
	Version     string     `json:"ktrap_version"`
	CommandLine []string   `json:"command_line"` // of ktrap
	QEMU        []string   `json:"qemu"`         // its command line; empty if ktrap did not start it
	Stub        string     `json:"stub"`
	Vmlinux     Image      `json:"vmlinux"`
	Modules     []Image    `json:"modules"`
	Reproducer  Reproducer `json:"reproducer"`
	Again       []string   `json:"again"` // commands to type, or what to do, in order
}

// Image is a file with symbols.
type Image struct {
	Path    string `json:"path"`
	BuildID string `json:"build_id"` // hex
}

// Reproducer is what made the guest crash, as far as ktrap brought it there.
type Reproducer struct {
	Path    string   `json:"path"`
	Command []string `json:"command"` // run in the guest
	Text    string   `json:"text"`    // of a short script or C file
}
