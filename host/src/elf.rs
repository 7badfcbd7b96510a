//! Checks whether an ELF file is complete, by its headers.

use std::fs::File;
use std::path::Path;

use object::Endianness;
use object::elf::{FileHeader32, FileHeader64, PN_XNUM, SHN_LORESERVE, SHN_UNDEF, SHT_NULL, SHT_STRTAB};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};
use object::read::{ReadCache, ReadRef, Result};

/// The largest table of section names that is read, in bytes. A library has a few hundred.
const MAX_NAMES: u64 = 1 << 20;

/// Why a file is incomplete.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// It is shorter than the `needed` bytes that its headers describe.
    Truncated { needed: u64 },
    /// It is long enough, but the part that linkers write last is zeros: the space was reserved and not written yet.
    /// Describes the part, for the error message.
    Hole(&'static str),
}

/// Why a file of `len` bytes is incomplete; `None` if no damage was found. Loading such a file would end the process:
/// Linux maps pages beyond its end, where the first access is a bus error, and reads zeros as tables of addresses.
///
/// Linkers write the names and the headers of sections last, so a file that is written in order lacks these until the
/// end. This does not detect holes in a file that is written in another order, and in parts that tools such as patchelf
/// append after the headers. `None` as well for a file that is not an ELF file, or whose headers cannot be read: the
/// system's loader refuses it. A file without section headers is accepted, because loading needs none.
///
/// Reads at most 9 MiB, even if the headers are forged.
pub(crate) fn damage(path: &Path, len: u64) -> Option<Damage> {
    let file = ReadCache::new(File::open(path).ok()?);
    damage_in::<FileHeader64<Endianness>>(&file, len)
        .or_else(|_| damage_in::<FileHeader32<Endianness>>(&file, len))
        .ok()?
}

fn damage_in<Elf: FileHeader>(file: &ReadCache<File>, len: u64) -> Result<Option<Damage>> {
    let header = Elf::parse(file)?;
    let endian = header.endian()?;
    let segments = match header.e_phnum(endian) {
        // The count is in a section header, and higher than in any library. A forged count can be up to 2^32.
        PN_XNUM => &[],
        _ => header.program_headers(endian, file)?,
    };
    let table = (
        header.e_shoff(endian).into(),
        u64::from(header.e_shnum(endian)) * u64::from(header.e_shentsize(endian)),
    );
    let ranges = segments.iter().map(|segment| segment.file_range(endian));
    if let Some(damage) = truncated(ranges.chain([table]), len) {
        return Ok(Some(damage));
    }
    // No sections, or their count is in a section header, as above.
    if header.e_shnum(endian) == 0 {
        return Ok(None);
    }
    let sections = header.section_headers(endian, file)?;
    let used = || sections.iter().filter(|section| section.sh_type(endian) != SHT_NULL);
    if let Some(damage) = truncated(used().filter_map(|section| section.file_range(endian)), len) {
        return Ok(Some(damage));
    }
    // The first section header is null in every file.
    if sections.len() > 1 && sections.last().is_none_or(|last| last.sh_type(endian) == SHT_NULL) {
        return Ok(Some(Damage::Hole("the last of its section headers is empty")));
    }
    let names = match header.e_shstrndx(endian) {
        SHN_UNDEF | SHN_LORESERVE.. => return Ok(None),
        index => match sections.get(usize::from(index)) {
            Some(names) if names.sh_type(endian) == SHT_STRTAB => names,
            _ => return Ok(Some(Damage::Hole("the table of its section names is missing"))),
        },
    };
    let (start, size) = names.file_range(endian).unwrap_or_default();
    if size > MAX_NAMES {
        return Ok(None);
    }
    let Ok(names) = file.read_bytes_at(start, size) else {
        return Ok(None);
    };
    let is_named = |section: &Elf::SectionHeader| match section.sh_name(endian) as usize {
        0 => true, // no name
        name => names.get(name).is_some_and(|&first| first != 0),
    };
    if names.first() != Some(&0) || names.last() != Some(&0) || !used().all(is_named) {
        return Ok(Some(Damage::Hole("the table of its section names has gaps")));
    }
    Ok(None)
}

/// Damage if one of the ranges of bytes reaches beyond the end of the file.
fn truncated(ranges: impl Iterator<Item = (u64, u64)>, len: u64) -> Option<Damage> {
    let needed = ranges.map(|(offset, len)| offset.saturating_add(len)).max()?;
    (needed > len).then_some(Damage::Truncated { needed })
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::fs;

    use super::*;

    /// The damage of a file with these bytes.
    fn damage_of(bytes: &[u8]) -> Option<Damage> {
        let file = std::env::temp_dir().join(format!("elf-{}-{:?}", std::process::id(), std::thread::current().id()));
        fs::write(&file, bytes).unwrap();
        let found = damage(&file, bytes.len() as u64);
        fs::remove_file(file).unwrap();
        found
    }

    /// Libraries that `npm test` has built: linked by a C compiler, and by rustc.
    fn libraries() -> [Vec<u8>; 2] {
        let folder = crate::fixtures();
        ["zero.so", "uppercase-rs.so"].map(|name| fs::read(folder.join(name)).unwrap())
    }

    #[test]
    fn a_file_without_its_end_is_damaged() {
        for whole in libraries() {
            assert_eq!(damage_of(&whole), None);
            for percent in (5..100).step_by(5).chain([99]) {
                let kept = whole.len() * percent / 100;
                assert!(
                    matches!(damage_of(&whole[..kept]), Some(Damage::Truncated { needed }) if needed > kept as u64)
                );
                let mut half = whole.clone();
                half[kept..].fill(0);
                assert!(matches!(damage_of(&half), Some(Damage::Hole(_))), "{percent} %");
            }
        }
    }

    #[test]
    #[cfg(all(target_pointer_width = "64", target_endian = "little"))]
    fn section_headers_may_be_missing_but_forged_ones_are_handled() {
        let [whole, _] = libraries();
        let set = |bytes: &mut [u8], at: usize, value: u16| bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
        let (e_shoff, e_shentsize, e_shnum, e_shstrndx) = (40, 58, 60, 62);

        let mut without = whole.clone();
        let table = usize::try_from(u64::from_le_bytes(whole[e_shoff..e_shoff + 8].try_into().unwrap())).unwrap();
        without.truncate(table);
        without[e_shoff..e_shoff + 8].fill(0);
        set(&mut without, e_shnum, 0);
        set(&mut without, e_shstrndx, 0);
        assert_eq!(damage_of(&without), None);

        let count = u16::from_le_bytes(whole[e_shnum..e_shnum + 2].try_into().unwrap());
        for (at, value, expected) in [
            (e_shstrndx, 0, None),
            (
                e_shstrndx,
                1,
                Some(Damage::Hole("the table of its section names is missing")),
            ),
            (
                e_shstrndx,
                count,
                Some(Damage::Hole("the table of its section names is missing")),
            ),
            (e_shstrndx, 0xffff, None),
            (e_shnum, 0, None),
            (e_shentsize, 1, None),
        ] {
            let mut forged = whole.clone();
            set(&mut forged, at, value);
            assert_eq!(damage_of(&forged), expected, "{at}: {value}");
        }
        let mut many = whole.clone();
        set(&mut many, e_shnum, 0xffff);
        assert!(matches!(damage_of(&many), Some(Damage::Truncated { .. })));
    }
}
