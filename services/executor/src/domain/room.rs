//! What all executors together use of a model that has limits: the book that they keep in common, and
//! what it leaves. Each change of it follows the last one, so that two never take the same room.

use neptune_contracts::{Timestamp, ids::ReplicaId, names::Lane, resource::LimitsSpec};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// A minute is counted in slices of this length.
const SLICE_SECONDS: i64 = 5;
/// So many slices hold any 60 seconds, wherever they begin.
const SLICES: i64 = 60 / SLICE_SECONDS + 1;
/// Urgent work keeps one part in so many of each limit to itself.
const URGENT_PART: u64 = 5;
/// Who is not heard of for this long is dead, and its calls are over.
pub const DEAD_AFTER_MS: u64 = 7_000;
/// Between two looks at the book no more than this counts as silence.
const LONGEST_LOOK_MS: u64 = 1_000;
/// Where it is not known when there is room again.
pub const UNTOLD_MS: u64 = 1_000;

/// What is used of one model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// By executor.
    #[serde(default)]
    pub holders: BTreeMap<ReplicaId, Holder>,
    /// What was begun in the last minute, by slices of it.
    #[serde(default)]
    pub spent: BTreeMap<i64, Spent>,
}

/// What one executor uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Calls under way.
    pub calls: u64,
    /// Whether urgent work waits there for room.
    #[serde(default)]
    pub is_waiting: bool,
    /// Another number with each sign of life.
    pub beat: u64,
}

/// What was begun in a slice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Calls.
    pub requests: u64,
    /// Their tokens: reserved until they end, then counted.
    pub tokens: u64,
}

/// A call that wants to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// How urgent it is.
    pub lane: Lane,
    /// Tokens it may use.
    pub tokens: u64,
}

/// Room that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    slice: i64,
    tokens: u64,
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom {
    /// When there may be some, in milliseconds from now.
    pub for_ms: u64,
    /// What is used up.
    pub cause: Full,
}

/// What is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// `limits.inFlight`.
    InFlight,
    /// `limits.requestsPerMinute`.
    Requests,
    /// `limits.tokensPerMinute`.
    Tokens,
    /// What the endpoint was seen to stand at a time.
    Endpoint,
    /// Nothing of ours; the provider asked to be left alone until then.
    Asked,
    /// Nothing; urgent work waits.
    UrgentFirst,
    /// What is used cannot be read.
    Unknown,
}

impl Full {
    /// Whether only time makes room, which is known beforehand.
    #[must_use]
    pub fn is_until_known(self) -> bool {
        matches!(self, Self::Requests | Self::Tokens | Self::Asked)
    }

    /// For people.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::InFlight => "all calls that limits.inFlight allows are under way",
            Self::Requests => "the calls of this minute are made that limits.requestsPerMinute allows",
            Self::Tokens => "the tokens of this minute are used that limits.tokensPerMinute allows",
            Self::Endpoint => "as many calls are under way as its endpoint was seen to stand",
            Self::Asked => "its provider asked a moment ago to be left alone for longer",
            Self::UrgentFirst => "urgent work waits for it, and comes before batch work",
            Self::Unknown => "what is used of its limits could not be read",
        }
    }
}

impl Book {
    /// Takes room for `want` in the name of `me`.
    ///
    /// # Errors
    /// There is none; nothing is changed.
    pub fn take(&mut self, me: ReplicaId, want: Want, limits: &LimitsSpec, now: Timestamp) -> Result<Taken, NoRoom> {
        self.check(want, limits, now)?;
        let taken = Taken { slice: slice(now), tokens: want.tokens };
        self.holders.entry(me).or_default().calls += 1;
        if limits.requests_per_minute.is_some() || limits.tokens_per_minute.is_some() {
            let spent = self.spent.entry(taken.slice).or_default();
            spent.requests += 1;
            spent.tokens = spent.tokens.saturating_add(want.tokens);
        }
        Ok(taken)
    }

    fn check(&self, want: Want, limits: &LimitsSpec, now: Timestamp) -> Result<(), NoRoom> {
        let is_batch = want.lane == Lane::Batch;
        if is_batch && self.holders.values().any(|holder| holder.is_waiting) {
            return Err(NoRoom { for_ms: UNTOLD_MS, cause: Full::UrgentFirst });
        }
        let usable = |limit: u64| if is_batch { spare(limit) } else { limit };
        if limits.in_flight.is_some_and(|limit| self.calls() >= usable(limit)) {
            return Err(NoRoom { for_ms: UNTOLD_MS, cause: Full::InFlight });
        }
        let requests = limits.requests_per_minute.map(|limit| (1, usable(limit), Full::Requests));
        // Who needs more than a whole minute's begins a minute of its own.
        let tokens = limits.tokens_per_minute.map(usable).map(|limit| (want.tokens.min(limit), limit, Full::Tokens));
        for (needed, limit, cause) in requests.into_iter().chain(tokens) {
            let of = |spent: &Spent| if cause == Full::Tokens { spent.tokens } else { spent.requests };
            if let Some(for_ms) = self.until_room(of, limit.saturating_sub(needed), now) {
                return Err(NoRoom { for_ms, cause });
            }
        }
        Ok(())
    }

    /// Milliseconds until no more than `most` is spent in any minute; nothing when that is so now.
    fn until_room(&self, of: impl Fn(&Spent) -> u64, most: u64, now: Timestamp) -> Option<u64> {
        let current: Vec<(i64, u64)> = self.current(now).map(|(slice, spent)| (slice, of(spent))).collect();
        let mut left: u64 = current.iter().map(|(_, spent)| *spent).fold(0, u64::saturating_add);
        let mut until = None;
        for (slice, spent) in current {
            if left <= most {
                break;
            }
            left -= spent;
            until = Some(slice);
        }
        let leaves_at_us = (until? + SLICES).saturating_mul(SLICE_SECONDS * 1_000_000);
        u64::try_from(leaves_at_us - now.unix_micros()).ok().map(|us| us.div_ceil(1_000).max(1))
    }

    fn current(&self, now: Timestamp) -> impl Iterator<Item = (i64, &Spent)> {
        let first = slice(now) - SLICES + 1;
        self.spent.range(first..).map(|(slice, spent)| (*slice, spent))
    }

    /// Calls under way.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.holders.values().map(|holder| holder.calls).fold(0, u64::saturating_add)
    }

    /// Puts `used` tokens, where they are known, in the place of those that were reserved. The call itself
    /// leaves with its holder's count.
    pub fn settle(&mut self, taken: Taken, used: Option<u64>) {
        if let (Some(spent), Some(used)) = (self.spent.get_mut(&taken.slice), used) {
            spent.tokens = spent.tokens.saturating_sub(taken.tokens).saturating_add(used);
        }
    }

    /// Says what is true of `me`. Who uses nothing and waits for nothing is not in the book.
    pub fn sign(&mut self, me: ReplicaId, holder: Holder) {
        if holder.calls == 0 && !holder.is_waiting {
            self.holders.remove(&me);
        } else {
            self.holders.insert(me, holder);
        }
    }

    /// Forgets who is dead, and what was spent before the last minute.
    pub fn clear(&mut self, dead: &[ReplicaId], now: Timestamp) {
        self.holders.retain(|holder, _| !dead.contains(holder));
        let first = slice(now) - SLICES + 1;
        self.spent.retain(|slice, _| *slice >= first);
    }
}

/// What batch work may use of a limit.
#[must_use]
pub fn spare(limit: u64) -> u64 {
    limit - limit / URGENT_PART
}

fn slice(now: Timestamp) -> i64 {
    now.unix_seconds().div_euclid(SLICE_SECONDS)
}

/// For how long each of the others was seen to be silent, by one's own clock: no two clocks have to agree.
#[derive(Debug, Default)]
pub struct Heard {
    silent: HashMap<ReplicaId, Silence>,
    seen_at_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Silence {
    beat: u64,
    for_ms: u64,
}

impl Heard {
    /// Takes in the book as it was read at `now_ms` of a clock that never goes back. Of the time since it was
    /// read before only a part counts when that was long: who did not look, or could not because the
    /// broker did not answer, cannot say that the others were silent.
    pub fn sees(&mut self, book: &Book, now_ms: u64) {
        let looked_ms = self.seen_at_ms.map_or(0, |seen| now_ms.saturating_sub(seen).min(LONGEST_LOOK_MS));
        self.seen_at_ms = Some(now_ms);
        self.silent.retain(|holder, _| book.holders.contains_key(holder));
        for (holder, state) in &book.holders {
            let silence = self.silent.entry(*holder).or_insert(Silence { beat: state.beat, for_ms: 0 });
            if silence.beat == state.beat {
                silence.for_ms = silence.for_ms.saturating_add(looked_ms);
            } else {
                *silence = Silence { beat: state.beat, for_ms: 0 };
            }
        }
    }

    /// Who is dead, in the eyes of `me`. One that was not in the last book is not.
    #[must_use]
    pub fn dead(&self, me: ReplicaId) -> Vec<ReplicaId> {
        let is_dead = |(holder, silence): &(&ReplicaId, &Silence)| **holder != me && silence.for_ms >= DEAD_AFTER_MS;
        self.silent.iter().filter(is_dead).map(|(holder, _)| *holder).collect()
    }
}

#[cfg(test)]
mod tests;
