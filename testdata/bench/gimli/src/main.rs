// Function, inlined callers and file:line of addresses, by the addr2line crate:
// gimli-addr2line FILE ADDRESS..., or addresses one per line on standard input.
use addr2line::{gimli, Context};
use object::{Object, ObjectSection};
use std::io::{BufRead, BufWriter, Write};
use std::os::fd::AsRawFd;

extern "C" {
    fn mmap(addr: *mut u8, len: usize, prot: i32, flags: i32, fd: i32, off: i64) -> *mut u8;
}

fn map(path: &str) -> &'static [u8] {
    let file = std::fs::File::open(path).expect("open");
    let len = file.metadata().expect("stat").len() as usize;
    // PROT_READ, MAP_PRIVATE; mapped until the process ends.
    let p = unsafe { mmap(std::ptr::null_mut(), len, 1, 2, file.as_raw_fd(), 0) };
    assert!(p as isize != -1, "mmap");
    unsafe { std::slice::from_raw_parts(p, len) }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let elf = object::File::parse(map(&args.next().expect("FILE"))).expect("ELF");
    let section = |id: gimli::SectionId| -> Result<_, gimli::Error> {
        let data = elf.section_by_name(id.name()).and_then(|s| s.data().ok()).unwrap_or(&[]);
        Ok(gimli::EndianSlice::new(data, gimli::LittleEndian))
    };
    let context = Context::from_dwarf(gimli::Dwarf::load(section).expect("DWARF")).expect("context");
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut print = |text: &str| {
        let address = u64::from_str_radix(text.trim().trim_start_matches("0x"), 16).expect("address");
        let mut frames = context.find_frames(address).expect("frames");
        while let Some(frame) = frames.next().expect("frame") {
            let name = frame.function.as_ref().and_then(|f| f.raw_name().ok());
            let place = frame.location.as_ref();
            let file = place.and_then(|l| l.file).unwrap_or("??");
            let line = place.and_then(|l| l.line).unwrap_or(0);
            writeln!(out, "{} at {}:{}", name.as_deref().unwrap_or("??"), file, line).expect("write");
        }
        writeln!(out).expect("write");
    };
    let addresses: Vec<String> = args.collect();
    addresses.iter().for_each(|a| print(a));
    if addresses.is_empty() {
        std::io::stdin().lock().lines().for_each(|l| print(&l.expect("read")));
    }
}
