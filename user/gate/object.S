/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The gate's ELF object, embedded: loading needs no file on disk. */
	.section .rodata
	.balign 16
	.globl gate_object
	.type gate_object, @object
gate_object:
	.incbin "gate.bpf.o"
gate_object_end:
	.size gate_object, gate_object_end - gate_object
	.globl gate_object_len
	.balign 8
gate_object_len:
	.quad gate_object_end - gate_object
	.section .note.GNU-stack, "", @progbits
