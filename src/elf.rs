//! What the headers of an ELF file say of the file itself.

use std::fs::File;
use std::path::Path;

use object::Endianness;
use object::elf::{FileHeader32, FileHeader64};
use object::read::ReadCache;
use object::read::elf::{FileHeader, ProgramHeader};

/// How long an ELF file must be to hold what its headers describe. A file that is still being copied is shorter, and
/// loading it would end the process: Linux maps what is not there, and the first touch is a bus error. The loaders of
/// other systems check this themselves, as all of them do with headers that cannot be read.
pub(crate) fn extent(path: &Path) -> Option<u64> {
    fn end<Elf: FileHeader>(file: &ReadCache<File>) -> Option<u64> {
        /// Says that the number of segments stands elsewhere: more than any library has, and a forged one could have
        /// this read gigabytes of headers.
        const MANY: u16 = object::elf::PN_XNUM;

        let header = Elf::parse(file).ok()?;
        let endian = header.endian().ok()?;
        if header.e_phnum(endian) == MANY {
            return None;
        }
        let segments = header
            .program_headers(endian, file)
            .ok()?
            .iter()
            .map(|segment| segment.file_range(endian));
        // Linkers put the table of sections last: a file that is cut anywhere has lost its end.
        let sections = (
            header.e_shoff(endian).into(),
            u64::from(header.e_shnum(endian)) * u64::from(header.e_shentsize(endian)),
        );
        segments
            .chain([sections])
            .map(|(offset, len)| offset.saturating_add(len))
            .max()
    }

    let file = ReadCache::new(File::open(path).ok()?);
    end::<FileHeader64<Endianness>>(&file).or_else(|| end::<FileHeader32<Endianness>>(&file))
}
