// Package rsptest helps to test what speaks the GDB remote protocol: scripted
// stubs and transcripts.
package rsptest
