//! What a code is called, as hashed pieces of its words: how a code that was never seen lands near its relatives.

/// Buckets of the lower-cased words and letter trigrams of a display, sorted; empty for an empty display.
/// FNV-1a, so that a package reads the same on every machine.
pub fn text_buckets(display: &str, buckets: usize) -> Vec<u32> {
    let mut found = Vec::new();
    let lower = display.to_lowercase();
    for word in lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        found.push(bucket(word.chars(), 'w', buckets));
        let padded: Vec<char> = std::iter::once('<').chain(word.chars()).chain(std::iter::once('>')).collect();
        found.extend(padded.windows(3).map(|trigram| bucket(trigram.iter().copied(), 't', buckets)));
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn bucket(letters: impl Iterator<Item = char>, salt: char, buckets: usize) -> u32 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for letter in std::iter::once(salt).chain(letters) {
        for byte in (letter as u32).to_le_bytes() {
            hash = (hash ^ byte as u64).wrapping_mul(0x0100_0000_01b3);
        }
    }
    (hash % buckets as u64) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relatives_share_most_of_their_pieces() {
        let a = text_buckets("Diabetes mellitus type 2 (disorder)", 8192);
        let b = text_buckets("Type 2 diabetes mellitus without complication", 8192);
        let c = text_buckets("Sprain of ankle", 8192);
        let shared = |x: &[u32], y: &[u32]| x.iter().filter(|piece| y.contains(piece)).count();
        assert!(shared(&a, &b) > 15);
        assert!(shared(&a, &c) < 3);
        assert!(text_buckets("", 8192).is_empty());
    }
}
