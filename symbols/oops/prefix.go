package oops

// Prefix is what consoles and log readers put in front of a line.
type Prefix struct {
	Level  int    // syslog priority, -1 if not given
	Time   string // as printed, without brackets; empty if not given
	Caller string // "T113" or "C0" with CONFIG_PRINTK_CALLER, else empty
}

// SplitPrefix takes the prefixes off a line. Prefixes stack (syslog before
// kernel before caller), so this repeats until none matches.
func SplitPrefix(s string) (Prefix, string) {
	return Prefix{Level: -1}, s
}
