//! Numbers and texts as header fields write them.

use super::BLOCK;

/// Rounds `size` up to whole blocks.
pub fn padded(size: u64) -> u64 {
    size.div_ceil(BLOCK) * BLOCK
}

/// The bytes before the first NUL.
pub(super) fn until_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = bytes.iter().position(|byte| *byte == 0) {
        bytes.truncate(end);
    }
    bytes
}

/// An owner as 32 bits. A negative number means "leave it alone" to `chown`, so the file stays root's.
pub(super) fn owner(id: i64) -> u32 {
    u32::try_from(id.max(0)).unwrap_or(u32::MAX)
}

/// Reads a numeric field: octal text with blanks or NULs around it, or GNU's base-256, marked by its first bit, signed by
/// its second. An empty field is 0. Returns `None` if it is neither, or does not fit.
pub(super) fn number(field: &[u8]) -> Option<i64> {
    if let Some(first) = field.first().filter(|first| **first & 0x80 != 0) {
        let negative = first & 0x40 != 0;
        let mut value: i64 = if negative { -1 } else { 0 };
        for (place, byte) in field.iter().enumerate() {
            let byte = match (place, negative) {
                (0, true) => byte | 0x80,
                (0, false) => byte & 0x7f,
                _ => *byte,
            };
            value = value.checked_mul(256)?.checked_add(i64::from(byte)).filter(|v| negative == (*v < 0))?;
        }
        return Some(value);
    }
    let blank = |byte: &u8| matches!(byte, b' ' | 0);
    let start = field.iter().position(|byte| !blank(byte)).unwrap_or(field.len());
    let text = &field[start..];
    let text = &text[..text.iter().position(|byte| *byte == 0).unwrap_or(text.len())];
    text.trim_ascii_end().iter().try_fold(0_i64, |value, digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
        _ => None,
    })
}

/// Returns true if the header's checksum is the sum of its bytes, the checksum field counted as blanks. Old writers summed
/// signed bytes.
pub(super) fn checksum_holds(block: &[u8; BLOCK as usize]) -> bool {
    let Some(claimed) = number(&block[148..156]) else { return false };
    let unsigned: u32 = block.iter().map(|byte| u32::from(*byte)).sum::<u32>()
        - block[148..156].iter().map(|byte| u32::from(*byte)).sum::<u32>()
        + 8 * u32::from(b' ');
    if i64::from(unsigned) == claimed {
        return true;
    }
    let signed: i64 = block
        .iter()
        .enumerate()
        .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { i64::from(*byte as i8) })
        .sum();
    signed == claimed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_tars_write_them() {
        for (field, want) in [
            (&b"0000644\0"[..], Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"\0\0 7\0\0", Some(7)),
            (b"\0\0\0\0", Some(0)),
            (b"12x", None),
            (b"\x80\0\0\0\0\0\0\0\0\0\x01\0", Some(256)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", Some(-2)),
            (b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
        ] {
            assert_eq!(number(field), want, "{field:?}");
        }
    }

    #[test]
    fn owners_fit_in_32_bits() {
        assert_eq!((owner(-1), owner(1000), owner(1 << 40)), (0, 1000, u32::MAX));
    }
}
