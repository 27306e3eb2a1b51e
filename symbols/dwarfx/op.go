package dwarfx

// Operations of expressions.
// Source: DWARF 5, section 7.7.1; those from 0xe0 on are GNU's names for what
// DWARF 5 took over.
const (
	OpAddr           = 0x03
	OpDeref          = 0x06
	OpConst1u        = 0x08
	OpConst8s        = 0x0f
	OpConstu         = 0x10
	OpConsts         = 0x11
	OpDup            = 0x12
	OpDrop           = 0x13
	OpOver           = 0x14
	OpPick           = 0x15
	OpSwap           = 0x16
	OpRot            = 0x17
	OpAbs            = 0x19
	OpAnd            = 0x1a
	OpDiv            = 0x1b
	OpMinus          = 0x1c
	OpMod            = 0x1d
	OpMul            = 0x1e
	OpNeg            = 0x1f
	OpNot            = 0x20
	OpOr             = 0x21
	OpPlus           = 0x22
	OpPlusUconst     = 0x23
	OpShl            = 0x24
	OpShr            = 0x25
	OpShra           = 0x26
	OpXor            = 0x27
	OpBra            = 0x28
	OpEq             = 0x29
	OpGe             = 0x2a
	OpGt             = 0x2b
	OpLe             = 0x2c
	OpLt             = 0x2d
	OpNe             = 0x2e
	OpSkip           = 0x2f
	OpLit0           = 0x30
	OpLit31          = 0x4f
	OpReg0           = 0x50
	OpReg31          = 0x6f
	OpBreg0          = 0x70
	OpBreg31         = 0x8f
	OpRegx           = 0x90
	OpFbreg          = 0x91
	OpBregx          = 0x92
	OpPiece          = 0x93
	OpDerefSize      = 0x94
	OpNop            = 0x96
	OpTLS            = 0x9b
	OpCallFrameCFA   = 0x9c
	OpBitPiece       = 0x9d
	OpImplicitValue  = 0x9e
	OpStackValue     = 0x9f
	OpImplicitPtr    = 0xa0
	OpAddrx          = 0xa1
	OpConstx         = 0xa2
	OpEntryValue     = 0xa3
	OpConstType      = 0xa4
	OpRegvalType     = 0xa5
	OpDerefType      = 0xa6
	OpConvert        = 0xa8
	OpReinterpret    = 0xa9
	OpGNUTLS         = 0xe0
	OpGNUUninit      = 0xf0
	OpGNUImplicitPtr = 0xf2
	OpGNUEntryValue  = 0xf3
	OpGNUConstType   = 0xf4
	OpGNURegvalType  = 0xf5
	OpGNUDerefType   = 0xf6
	OpGNUConvert     = 0xf7
	OpGNUReinterpret = 0xf9
	OpGNUParamRef    = 0xfa
)

// SameOp gives DWARF 5's number of an operation that GNU numbered before.
func SameOp(op byte) byte {
	switch op {
	case OpGNUTLS:
		return OpTLS
	case OpGNUImplicitPtr:
		return OpImplicitPtr
	case OpGNUEntryValue:
		return OpEntryValue
	case OpGNUConstType:
		return OpConstType
	case OpGNURegvalType:
		return OpRegvalType
	case OpGNUDerefType:
		return OpDerefType
	case OpGNUConvert:
		return OpConvert
	case OpGNUReinterpret:
		return OpReinterpret
	}
	return op
}
