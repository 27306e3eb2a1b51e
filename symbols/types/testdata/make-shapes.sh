#!/bin/sh
# Builds the fixtures from shapes.c and records what gdb says about them, so
# that the tests need neither. Made with gcc 12.2, gdb 13.1 and pahole 1.24.
set -eu
cd "$(dirname "$0")"
for v in 4 5; do
	gcc -gdwarf-$v -O2 -fno-pie -no-pie -nostdlib -static -fno-stack-protector -fcf-protection=none \
		-fno-asynchronous-unwind-tables -Wl,--build-id=none -fdebug-prefix-map="$PWD"=. -o shapes$v shapes.c
	{
		echo 'set confirm off
set height 0
set width 0
set startup-with-shell off
set disable-randomization on
break stop
run
up'
		for r in rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip; do
			printf 'echo @reg %s \noutput/x $%s\necho \\n\n' $r $r
		done
		echo 'echo @stack\n
x/128xb $rsp-64
echo @frame\n
info frame'
		while read -r e; do
			printf 'echo @p %s\\t\noutput %s\necho \\n\n' "$e" "$e"
		done <exprs
		echo 'down'
		while read -r e; do
			printf 'echo @inlined %s\\t\noutput %s\necho \\n\n' "$e" "$e"
		done <exprs-inlined
		echo 'kill'
	} >/tmp/shapes.$$
	gdb -nx -batch -x /tmp/shapes.$$ shapes$v 2>/dev/null |
		grep -e '^@' -e '^0x7ff' -e '^Stack frame at' >shapes$v.gdb
	rm /tmp/shapes.$$
done
cp shapes5 shapes.tmp
pahole -J shapes.tmp
objcopy -O binary --only-section=.BTF --set-section-flags .BTF=alloc shapes.tmp shapes.btf
rm shapes.tmp
