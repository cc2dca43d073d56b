//! What a program or library in the ELF format carries for debuggers and linkers only: `.debug_*` sections, the symbol table
//! and its names (elf(5)). Reads the file header, the table of sections and their names, and nothing else.

use std::collections::VecDeque;
use std::io::Read;
use std::ops::Range;
use std::sync::OnceLock;

use elf::abi::{ET_DYN, ET_EXEC, SHT_NOBITS, SHT_SYMTAB};
use elf::endian::AnyEndian;
use elf::file::{Class, FileHeader, parse_ident};
use elf::parse::ParseAt as _;
use elf::section::SectionHeader;
use elf::string_table::StringTable;
use regex::bytes::Regex;

use super::ContentError;
use super::content::find_entry;
use crate::bytes::tar::BLOCK;
use crate::bytes::{Hopping, Window};

/// Smaller files are not asked.
pub const SYMBOLS_FROM: u64 = 1_000_000;

/// Bytes of the largest file header.
const HEADER: usize = 64;
/// Sections that are looked at: linked files have some dozen.
const MAX_SECTIONS: u16 = 4096;
/// Bytes of section names that are looked at.
const MAX_NAMES: u64 = 16 * 1024;

/// Where the table of sections is.
#[derive(Debug, Clone, Copy)]
struct Table {
    endian: AnyEndian,
    class: Class,
    at: u64,
    count: u16,
    names: u16,
}

impl Table {
    /// Out of the first bytes of a file; None when it is not a linked ELF file, or has no such table.
    fn of(head: &[u8]) -> Option<Self> {
        let ident = parse_ident::<AnyEndian>(head.get(..16)?).ok()?;
        let class = ident.1;
        let header = FileHeader::parse_tail(ident, head.get(16..HEADER)?).ok()?;
        let linked = matches!(header.e_type, ET_EXEC | ET_DYN);
        let fits = usize::from(header.e_shentsize) == SectionHeader::size_for(class);
        let found = header.e_shoff > 0 && (1..=MAX_SECTIONS).contains(&header.e_shnum);
        (linked && fits && found && header.e_shstrndx < header.e_shnum).then_some(Self {
            endian: header.endianness,
            class,
            at: header.e_shoff,
            count: header.e_shnum,
            names: header.e_shstrndx,
        })
    }

    /// Its place in the file.
    fn range(&self) -> Option<Range<u64>> {
        let bytes = u64::from(self.count) * SectionHeader::size_for(self.class) as u64;
        Some(self.at..self.at.checked_add(bytes)?)
    }

    fn sections(&self, bytes: &[u8]) -> Option<Vec<SectionHeader>> {
        let mut at = 0;
        (0..self.count).map(|_| SectionHeader::parse_at(self.endian, self.class, &mut at, bytes).ok()).collect()
    }

    /// Where the names of sections are.
    fn names(&self, sections: &[SectionHeader]) -> Option<Range<u64>> {
        let own = sections.get(usize::from(self.names))?;
        let end = own.sh_offset.checked_add(own.sh_size)?;
        (own.sh_size <= MAX_NAMES).then_some(own.sh_offset..end)
    }
}

/// Bytes of a file of `size` bytes that `strip` takes out; each counts once, however sections overlap.
fn droppable(sections: &[SectionHeader], names: &[u8], size: u64) -> u64 {
    let names = StringTable::new(names);
    let name = |section: &SectionHeader| names.get_raw(section.sh_name as usize).unwrap_or_default();
    let is_table = |section: &SectionHeader| section.sh_type == SHT_SYMTAB;
    // The names of symbols, and never those of what is needed to run (`.dynstr`).
    let strings: Vec<u32> = sections.iter().filter(|section| is_table(section)).map(|table| table.sh_link).collect();
    let mut places: Vec<Range<u64>> = sections
        .iter()
        .enumerate()
        .filter(|(index, section)| {
            let debug = [&b".debug_"[..], b".zdebug_"].iter().any(|start| name(section).starts_with(start));
            let symbols = is_table(section) || strings.contains(&(*index as u32)) && name(section) == b".strtab";
            section.sh_type != SHT_NOBITS && (debug || symbols)
        })
        .map(|(_, section)| section.sh_offset.min(size)..section.sh_offset.saturating_add(section.sh_size).min(size))
        .collect();
    places.sort_by_key(|place| place.start);
    let mut passed = 0;
    let mut sum = 0;
    for place in places {
        sum += place.end.saturating_sub(place.start.max(passed));
        passed = passed.max(place.end);
    }
    sum
}

/// Bytes for debuggers and linkers of the file of `size` bytes that begins at `block` of a plain layer; 0 when it is no
/// linked ELF file, or does not say.
///
/// # Errors
/// When it is not there or breaks off.
pub fn symbols(layer: &Window, block: u32, size: u64) -> Result<u64, ContentError> {
    let at = u64::from(block) * BLOCK;
    let found = find_entry(Hopping::for_file(layer.part(at, u64::MAX), 0), 0)?;
    if found.entry.sparse.is_some() {
        return Ok(0);
    }
    let content = layer.part(at + found.header_bytes(), size);
    let read = |range: Range<u64>| -> Result<Vec<u8>, ContentError> {
        let mut bytes = Vec::new();
        content.part(range.start, range.end - range.start).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let Some(table) = Table::of(&read(0..HEADER as u64)?) else { return Ok(0) };
    let Some(range) = table.range() else { return Ok(0) };
    let Some(sections) = table.sections(&read(range)?) else { return Ok(0) };
    let Some(names) = table.names(&sections) else { return Ok(0) };
    Ok(droppable(&sections, &read(names)?, size))
}

/// The same of a file that passes only once. The table of sections mostly comes last and the names before it, so what looks
/// like names is kept until the table says where they are.
#[derive(Debug, Default)]
pub(super) struct PassingSymbols {
    position: u64,
    head: Vec<u8>,
    table: Option<(Table, Range<u64>)>,
    /// The table's bytes.
    headers: Vec<u8>,
    /// The bytes before the position, for what is found only at its end.
    recent: Vec<u8>,
    /// What may be names, by where it begins in the file; the last is still growing while it is short of its end.
    candidates: VecDeque<Candidate>,
    /// Where the names are, when the table comes before them.
    known: Option<Candidate>,
}

#[derive(Debug)]
struct Candidate {
    start: u64,
    end: u64,
    bytes: Vec<u8>,
}

impl Candidate {
    /// Takes what of a piece that begins at `at` belongs to it.
    fn take(&mut self, at: u64, piece: &[u8]) {
        let next = self.start + self.bytes.len() as u64;
        if next < self.end && next >= at {
            let from = usize::try_from(next - at).unwrap_or(usize::MAX).min(piece.len());
            let most = usize::try_from(self.end - next).unwrap_or(usize::MAX);
            self.bytes.extend_from_slice(&piece[from..][..most.min(piece.len() - from)]);
        }
    }

    fn part(&self, range: &Range<u64>) -> Option<&[u8]> {
        let from = usize::try_from(range.start.checked_sub(self.start)?).ok()?;
        self.bytes.get(from..from.checked_add(usize::try_from(range.end - range.start).ok()?)?)
    }
}

/// Candidates that are kept: the names stand behind whatever else mentions them.
const CANDIDATES: usize = 4;
/// Bytes of a candidate at most.
const CANDIDATE: u64 = 4 * MAX_NAMES;

/// The name that the names of sections have for themselves.
fn own_name() -> &'static Regex {
    static NAME: OnceLock<Regex> = OnceLock::new();
    // A constant, which every test here compiles.
    NAME.get_or_init(|| Regex::new(r"(?-u)\.shstrtab\x00").unwrap_or_else(|error| unreachable!("{error}")))
}

impl PassingSymbols {
    pub(super) fn pass(&mut self, piece: &[u8]) {
        let at = self.position;
        self.position += piece.len() as u64;
        if self.head.len() < HEADER {
            self.head.extend_from_slice(&piece[..piece.len().min(HEADER - self.head.len())]);
            if self.head.len() < HEADER {
                // Pieces that small are none of a file that is worth a look; what came is not lost.
                self.recent.extend_from_slice(piece);
                return;
            }
            self.table = Table::of(&self.head).and_then(|table| Some((table, table.range()?)));
        }
        let Some((table, range)) = self.table.clone() else { return };
        let mut headers = Candidate { start: range.start, end: range.end, bytes: std::mem::take(&mut self.headers) };
        let before = at - self.recent.len() as u64;
        self.recent.extend_from_slice(piece);
        headers.take(before, &self.recent);
        self.headers = headers.bytes;
        let is_whole = self.headers.len() as u64 == range.end - range.start;
        if is_whole && self.known.is_none() {
            let names = table.sections(&self.headers).and_then(|sections| table.names(&sections));
            self.known = names.map(|names| Candidate { start: names.start, end: names.end, bytes: Vec::new() });
        }
        if let Some(known) = &mut self.known {
            known.take(before, &self.recent);
        }
        self.look_for_names(before, at);
        let old = self.recent.len().saturating_sub(MAX_NAMES as usize);
        self.recent.drain(..old);
    }

    fn look_for_names(&mut self, before: u64, at: u64) {
        if let Some(last) = self.candidates.back_mut() {
            last.take(before, &self.recent);
        }
        // A name may be half in the piece before.
        let from = usize::try_from(at - before).unwrap_or_default().saturating_sub(".shstrtab".len());
        let mut searched = from;
        while let Some(found) = own_name().find_at(&self.recent, searched) {
            searched = found.end();
            let end = before + found.end() as u64 + MAX_NAMES;
            match self.candidates.back_mut() {
                Some(last) if last.end + MAX_NAMES > end && end - last.start <= CANDIDATE => {
                    last.end = last.end.max(end);
                }
                _ => {
                    if self.candidates.len() == CANDIDATES {
                        self.candidates.pop_front();
                    }
                    let start = (before + found.start() as u64).saturating_sub(MAX_NAMES).max(before);
                    self.candidates.push_back(Candidate { start, end, bytes: Vec::new() });
                }
            }
            if let Some(last) = self.candidates.back_mut() {
                last.take(before, &self.recent);
            }
        }
    }

    /// What was found, at the end of a file of `size` bytes.
    pub(super) fn found(&self, size: u64) -> u64 {
        let Some((table, _)) = &self.table else { return 0 };
        let Some(sections) = table.sections(&self.headers) else { return 0 };
        let Some(range) = table.names(&sections) else { return 0 };
        let mut candidates = self.known.iter().chain(&self.candidates);
        let names = candidates.find_map(|candidate| candidate.part(&range));
        names.map_or(0, |names| droppable(&sections, names, size))
    }
}
