// Package rsp speaks the GDB remote serial protocol: the codec ([Reader],
// [AppendPacket]), the side towards a stub ([Client]), the side towards gdb
// ([Server]), and transcripts of both ([Recorder]). It knows no kernel.
//
// A packet on the wire is `$body#cs`: two hexadecimal digits of the sum of the
// bytes between $ and #. In the body, `}` escapes the next byte (xor 0x20) and
// `*` repeats the byte before it. Each side answers a packet with + or - until
// both agree on no-ack mode. `%body#cs` is a notification, which is never
// acknowledged. A byte 0x03 between packets is an interrupt; inside a packet
// it is data. [Message] is one of these five things.
//
// QEMU's stub, the one that matters here, has habits that shape this package:
//
//   - it serves one connection, and keeps a second one waiting without a word;
//   - it stops the machine when a client connects, and announces that with a
//     stop packet nobody asked for, unless the machine was stopped before;
//   - while the machine runs any byte stops it, so nothing may be sent then;
//   - it keeps one selected thread for the connection and moves it at stops;
//   - it answers p only after target.xml was read once;
//   - a bare D is an error once multiprocess was negotiated;
//   - bs and bc abort QEMU unless it replays a recording, and k ends it;
//   - ? removes every breakpoint.
//
// Source: GDB manual, "Remote Protocol"; QEMU 7.2 gdbstub.
package rsp
