@reg rax0x0
@reg rbx0x0
@reg rcx0x63
@reg rdx0x7fffffffe678
@reg rsi0x5
@reg rdi0x403040
@reg rbp0x0
@reg rsp0x7fffffffe668
@reg r80x0
@reg r90x0
@reg r100x0
@reg r110x0
@reg r120x0
@reg r130x0
@reg r140x0
@reg r150x0
@reg rip0x401037
@stack0x7fffffffe668:	0x81	0x10	0x40	0x00	0x00	0x00	0x00	0x00
0x7fffffffe670:	0x00	0x00	0x00	0x00	0x00	0x00	0x00	0x00
0x7fffffffe678:	0x63	0x00	0x00	0x00	0x00	0x00	0x00	0x00
0x7fffffffe680:	0x01	0x00	0x00	0x00	0x00	0x00	0x00	0x00
0x7fffffffe688:	0x7b	0xe9	0xff	0xff	0xff	0x7f	0x00	0x00
0x7fffffffe690:	0x00	0x00	0x00	0x00	0x00	0x00	0x00	0x00
0x7fffffffe698:	0xa5	0xe9	0xff	0xff	0xff	0x7f	0x00	0x00
0x7fffffffe6a0:	0xbf	0xe9	0xff	0xff	0xff	0x7f	0x00	0x00
@frameStack level 1, frame at 0x7fffffffe670:
@p square.name	"square\t\"1\"\000\000\000\000\000"
@p square.full	"abcd"
@p square.behind	"a\000b\000\000\000\000"
@p square.pid	-5
@p square.on	true
@p square.state	(SLEEPING | STUCK)
@p square.sign	MINUS
@p square.list	{next = 0x403078 <square+56>, prev = 0x403078 <square+56>}
@p square.n.whole	16909060
@p square.flags	{a = 5, b = -3, c = 300, d = true, e = 549755813889, s = SLEEPING}
@p square.flags.e	549755813889
@p square.in	{{x = -1, {i = 7, f = 9.80908925e-45}, {c = 120 'x', d = 121 'y'}}, {x = 2, {i = 0, f = 0}, {c = 0 '\000', d = -1 '\377'}}}
@p square.in[1].i	0
@p square.matrix	{{1, 2, 3}, {4, 5, 6}}
@p square.matrix[1][2]	6
@p square.zeros	{0 <repeats 20 times>}
@p square.mixed	{1, 1, 1, 0 <repeats 12 times>, 9, 9, 9, 0 <repeats 12 times>}
@p square.big	-1234567890123
@p square.ubig	18446744073709551615
@p square.d	1.5
@p square.f	-0.25
@p square.text	0x402000 "a\nb\033c"
@p square.none	0x0
@p *square.fn	{int (int)} 0x401000 <twice>
@p square.fn	(int (*)(int)) 0x401000 <twice>
@p square.next	(struct shape *) 0x403040 <square>
@p square.any	(void *) 0x403068 <square+40>
@p &square.in[1]	(struct inner *) 0x4030a4 <square+100>
@p square.list.next	(struct list_head *) 0x403078 <square+56>
@p *square.list.next	{next = 0x403078 <square+56>, prev = 0x403078 <square+56>}
@p &square	(struct shape *) 0x403040 <square>
@p sizeof(square)	408
@p sizeof(struct shape)	408
@p (char)square.pid	-5 '\373'
@p (unsigned char)square.pid	251 '\373'
@p square.big / 7	-176366841446
@p square.big % 7	-1
@p square.ubig >> 60	15
@p square.big >> 3	-154320986266
@p square.pid * 2u	4294967286
@p -square.pid	5
@p ~square.state	(unknown: 0xfffffff6)
@p square.next->next->pid	-5
@p square.matrix[0] + 1	(int *) 0x4030b4 <square+116>
@p *square.matrix@2	{{1, 2, 3}, {4, 5, 6}}
@p &square.zeros[3] - &square.zeros[1]	2
@p square.text[2]	98 'b'
@p *square.text@3	"a\nb"
@p square.name[3]	97 'a'
@p (enum state)1	SLEEPING
@p (long)&square.pid - (long)&square	40
@p counter	42
@p sink	0
@p twice	{int (int)} 0x401000 <twice>
@p &twice	(int (*)(int)) 0x401000 <twice>
@p s	(struct shape *) 0x403040 <square>
@p *where	99
@p n	4
@p s->pid	-5
@p buf	"stack\000\000"
@p spilled	12
@p split	99
@p r	<optimized out>
@inlined s	(struct shape *) 0x403040 <square>
@inlined depth	5
@inlined local	0
