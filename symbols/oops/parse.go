package oops

// Parse gives every crash in a piece of console text, in the order of their heads.
// Shape: text is a serial log, dmesg output or records of the log buffer, whole or in part.
func Parse(text []byte) []Oops {
	return nil
}
