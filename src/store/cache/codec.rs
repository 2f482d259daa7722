//! Numbers and texts as bytes, for the cache. What is taken is never more than there is.

/// What can be appended.
pub trait Put {
    /// A number of 64 bits.
    fn number(&mut self, number: u64);
    /// A number of 32 bits.
    fn short(&mut self, number: u32);
    /// Bytes with their length.
    fn bytes(&mut self, bytes: &[u8]);
    /// What may not be there.
    fn maybe<T>(&mut self, what: Option<T>, put: impl FnOnce(&mut Self, T));
}

impl Put for Vec<u8> {
    fn number(&mut self, number: u64) {
        self.extend(number.to_le_bytes());
    }

    fn short(&mut self, number: u32) {
        self.extend(number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.short(bytes.len() as u32);
        self.extend_from_slice(bytes);
    }

    fn maybe<T>(&mut self, what: Option<T>, put: impl FnOnce(&mut Self, T)) {
        self.push(u8::from(what.is_some()));
        if let Some(what) = what {
            put(self, what);
        }
    }
}

/// What can be taken from the beginning of bytes, which then begin behind it.
pub trait Take: Sized {
    /// Takes one; nothing when there is not enough.
    fn take(bytes: &mut &[u8]) -> Option<Self>;
}

impl Take for u8 {
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        Some(*first)
    }
}

impl Take for u32 {
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let (first, rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        Some(Self::from_le_bytes(*first))
    }
}

impl Take for u64 {
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let (first, rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        Some(Self::from_le_bytes(*first))
    }
}

/// Bytes that [`Put::bytes`] put.
pub fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = u32::take(bytes)? as usize;
    let (first, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(first)
}

/// A text that [`Put::bytes`] put.
pub fn take_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    std::str::from_utf8(take_bytes(bytes)?).ok()
}

/// What [`Put::maybe`] put.
pub fn take_maybe<'a, T>(
    bytes: &mut &'a [u8],
    take: impl FnOnce(&mut &'a [u8]) -> Option<T>,
) -> Option<Option<T>> {
    match u8::take(bytes)? {
        0 => Some(None),
        _ => take(bytes).map(Some),
    }
}
