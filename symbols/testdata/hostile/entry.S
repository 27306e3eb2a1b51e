	.text
	.globl entry
	.type entry, @function
entry:
	xorl %edi, %edi
	jmp start_kernel
	.size entry, . - entry
	.section .note.GNU-stack,"",@progbits
