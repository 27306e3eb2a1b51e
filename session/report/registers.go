package report

import "ktrap/symbols/decode"

// Register and Registers are as a decoded log has them, too.
type (
	Register  = decode.Register
	Registers = decode.Registers
)
