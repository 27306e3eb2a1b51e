package types

import "ktrap/symbols/dwarfx"

// Tags that types and variables are made of.
// Source: DWARF 5, table 7.3.
const (
	tagArray        dwarfx.Tag = 0x01
	tagEnumeration  dwarfx.Tag = 0x04
	tagFormalParam  dwarfx.Tag = 0x05
	tagMember       dwarfx.Tag = 0x0d
	tagPointer      dwarfx.Tag = 0x0f
	tagStruct       dwarfx.Tag = 0x13
	tagSubroutine   dwarfx.Tag = 0x15
	tagTypedef      dwarfx.Tag = 0x16
	tagUnion        dwarfx.Tag = 0x17
	tagUnspecParams dwarfx.Tag = 0x18
	tagSubrange     dwarfx.Tag = 0x21
	tagBase         dwarfx.Tag = 0x24
	tagConst        dwarfx.Tag = 0x26
	tagEnumerator   dwarfx.Tag = 0x28
	tagVariable     dwarfx.Tag = 0x34
	tagVolatile     dwarfx.Tag = 0x35
	tagRestrict     dwarfx.Tag = 0x37
	tagUnspecified  dwarfx.Tag = 0x3b
	tagAtomic       dwarfx.Tag = 0x47
	tagImmutable    dwarfx.Tag = 0x4b
	tagClass        dwarfx.Tag = 0x02
	tagReference    dwarfx.Tag = 0x10
	tagCallSite     dwarfx.Tag = 0x48
	tagCallParam    dwarfx.Tag = 0x49
	tagGNUCallSite  dwarfx.Tag = 0x4109
	tagGNUCallParam dwarfx.Tag = 0x410a
	tagSubprogram              = dwarfx.TagSubprogram
	tagLexicalBlock            = dwarfx.TagLexicalBlock
	tagInlined                 = dwarfx.TagInlinedSubroutine
)

// Bounds, against damaged files and questions that would take too long.
const (
	maxAttrs          = 64
	maxRefs           = 8 // chains of specifications and origins
	maxOpenUnits      = 64
	maxRemembered     = 4096    // type names
	maxEqualStrings   = 64      // searches through .debug_info for one name
	maxTails          = 4       // the same for names that are tails of others
	maxSearch         = 1 << 28 // bytes looked at for one name or address: seconds
	maxLoclists       = 1 << 28
	maxScopeDepth     = 64
	maxVarsInScope    = 512
	maxVariablesFound = 64
)

// Attributes.
// Source: DWARF 5, table 7.5.
const (
	attrLocation       dwarfx.Attr = 0x02
	attrByteSize       dwarfx.Attr = 0x0b
	attrBitOffset      dwarfx.Attr = 0x0c
	attrBitSize        dwarfx.Attr = 0x0d
	attrConstValue     dwarfx.Attr = 0x1c
	attrUpperBound     dwarfx.Attr = 0x2f
	attrCount          dwarfx.Attr = 0x37
	attrMemberLocation dwarfx.Attr = 0x38
	attrDeclaration    dwarfx.Attr = 0x3c
	attrEncoding       dwarfx.Attr = 0x3e
	attrExternal       dwarfx.Attr = 0x3f
	attrFrameBase      dwarfx.Attr = 0x40
	attrType           dwarfx.Attr = 0x49
	attrDataBitOffset  dwarfx.Attr = 0x6b
	attrCallReturnPC   dwarfx.Attr = 0x7d
	attrCallValue      dwarfx.Attr = 0x7e
	attrCallOrigin     dwarfx.Attr = 0x7f
	attrCallParameter  dwarfx.Attr = 0x80
	attrCallTailCall   dwarfx.Attr = 0x82
	attrCallTarget     dwarfx.Attr = 0x83
	attrAlignment      dwarfx.Attr = 0x88
	attrGNUCallValue   dwarfx.Attr = 0x2111
	attrGNUCallTarget  dwarfx.Attr = 0x2113
	attrGNUTailCall    dwarfx.Attr = 0x2115
	attrLoclistsBase   dwarfx.Attr = 0x8c
)

// Encodings of a base type.
// Source: DWARF 5, table 7.11.
const (
	encAddress      = 0x01
	encBoolean      = 0x02
	encComplexFloat = 0x03
	encFloat        = 0x04
	encSigned       = 0x05
	encSignedChar   = 0x06
	encUnsigned     = 0x07
	encUnsignedChar = 0x08
	encUTF          = 0x10
)
