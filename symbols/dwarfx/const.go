package dwarfx

// Tag, Attr and Form are the DWARF numbers; the ones below are those that
// ktrap's own decoder looks at.
type (
	Tag  uint32
	Attr uint32
	Form uint32
)

// Tags.
const (
	TagClassType         Tag = 0x02
	TagEnumerationType   Tag = 0x04
	TagLexicalBlock      Tag = 0x0b
	TagCompileUnit       Tag = 0x11
	TagStructType        Tag = 0x13
	TagUnionType         Tag = 0x17
	TagInlinedSubroutine Tag = 0x1d
	TagModule            Tag = 0x1e
	TagTryBlock          Tag = 0x32
	TagCatchBlock        Tag = 0x25
	TagSubprogram        Tag = 0x2e
	TagPartialUnit       Tag = 0x3c
	TagNamespace         Tag = 0x39
	TagVariantPart       Tag = 0x33
	TagSkeletonUnit      Tag = 0x4a
)

// Attributes.
const (
	AttrSibling         Attr = 0x01
	AttrName            Attr = 0x03
	AttrStmtList        Attr = 0x10
	AttrLowPC           Attr = 0x11
	AttrHighPC          Attr = 0x12
	AttrLanguage        Attr = 0x13
	AttrCompDir         Attr = 0x1b
	AttrAbstractOrigin  Attr = 0x31
	AttrSpecification   Attr = 0x47
	AttrEntryPC         Attr = 0x52
	AttrRanges          Attr = 0x55
	AttrCallColumn      Attr = 0x57
	AttrCallFile        Attr = 0x58
	AttrCallLine        Attr = 0x59
	AttrLinkageName     Attr = 0x6e
	AttrStrOffsetsBase  Attr = 0x72
	AttrAddrBase        Attr = 0x73
	AttrRnglistsBase    Attr = 0x74
	AttrMIPSLinkageName Attr = 0x2007
)

// Forms.
const (
	FormAddr          Form = 0x01
	FormBlock2        Form = 0x03
	FormBlock4        Form = 0x04
	FormData2         Form = 0x05
	FormData4         Form = 0x06
	FormData8         Form = 0x07
	FormString        Form = 0x08
	FormBlock         Form = 0x09
	FormBlock1        Form = 0x0a
	FormData1         Form = 0x0b
	FormFlag          Form = 0x0c
	FormSdata         Form = 0x0d
	FormStrp          Form = 0x0e
	FormUdata         Form = 0x0f
	FormRefAddr       Form = 0x10
	FormRef1          Form = 0x11
	FormRef2          Form = 0x12
	FormRef4          Form = 0x13
	FormRef8          Form = 0x14
	FormRefUdata      Form = 0x15
	FormIndirect      Form = 0x16
	FormSecOffset     Form = 0x17
	FormExprloc       Form = 0x18
	FormFlagPresent   Form = 0x19
	FormStrx          Form = 0x1a
	FormAddrx         Form = 0x1b
	FormRefSup4       Form = 0x1c
	FormStrpSup       Form = 0x1d
	FormData16        Form = 0x1e
	FormLineStrp      Form = 0x1f
	FormRefSig8       Form = 0x20
	FormImplicitConst Form = 0x21
	FormLoclistx      Form = 0x22
	FormRnglistx      Form = 0x23
	FormRefSup8       Form = 0x24
	FormStrx1         Form = 0x25
	FormStrx2         Form = 0x26
	FormStrx3         Form = 0x27
	FormStrx4         Form = 0x28
	FormAddrx1        Form = 0x29
	FormAddrx2        Form = 0x2a
	FormAddrx3        Form = 0x2b
	FormAddrx4        Form = 0x2c
	FormGNURefAlt     Form = 0x1f20
	FormGNUStrpAlt    Form = 0x1f21
)

// Languages, as far as they matter: where functions are to be looked for.
const (
	langC89           = 0x01
	langC             = 0x02
	langC99           = 0x0c
	langC11           = 0x1d
	langC17           = 0x2c
	langAssembly      = 0x31
	langMIPSAssembler = 0x8001
)
