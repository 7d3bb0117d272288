//! Samples with chance changes, always the same ones.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "test support"
)]

/// What readers of JSON and streams stumble over.
const WORDS: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    ":",
    ",",
    "null",
    "true",
    "-1",
    "1e999",
    "0.1",
    "18446744073709551616",
    "\\ud800",
    "\u{feff}",
    "\r",
    "\n\n",
    "data: ",
    "event: ",
    "'",
    "//",
    "```",
    "\u{0}",
];

/// An endless sequence of changed samples.
pub struct Changes {
    samples: Vec<Vec<u8>>,
    state: u64,
}

impl Changes {
    /// Of these samples, in an order that `seed` determines.
    pub fn of(samples: Vec<Vec<u8>>, seed: u64) -> Self {
        assert!(!samples.is_empty(), "there is nothing to change");
        Self { samples, state: seed }
    }

    /// Runs `body` over each sample as it is, and over `count` changed ones; tells the input that it panics on.
    pub fn run(mut self, count: usize, body: impl Fn(&[u8]) + std::panic::RefUnwindSafe) {
        let plain = self.samples.clone();
        let changed: Vec<Vec<u8>> = (0..count).map(|_| self.next()).collect();
        for input in plain.iter().chain(&changed) {
            if let Err(panic) = std::panic::catch_unwind(|| body(input)) {
                let _ = std::fs::write(std::env::temp_dir().join("neptune-fuzz-input"), input);
                eprintln!("it fails on {:?}", String::from_utf8_lossy(input));
                std::panic::resume_unwind(panic);
            }
        }
    }

    /// `SplitMix64`.
    fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`; 0 when that is 0.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.number() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    fn next(&mut self) -> Vec<u8> {
        let which = self.below(self.samples.len());
        let mut bytes = self.samples[which].clone();
        for _ in 0..=self.below(4) {
            self.change(&mut bytes);
        }
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let (at, length) = (self.below(bytes.len() + 1), self.below(24));
        let end = (at + length).min(bytes.len());
        match self.below(6) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            2 => {
                let word = WORDS[self.below(WORDS.len())];
                bytes.splice(at..at, word.bytes());
            }
            3 => {
                let word = WORDS[self.below(WORDS.len())];
                bytes.splice(at..end, word.bytes());
            }
            4 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << (length % 8);
                }
            }
            _ => {
                let other = self.below(self.samples.len());
                let from = self.below(self.samples[other].len() + 1);
                let tail = self.samples[other][from..].to_vec();
                bytes.truncate(at);
                bytes.extend(tail);
            }
        }
    }
}
