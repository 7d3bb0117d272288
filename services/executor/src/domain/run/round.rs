//! Whose turn it is to be looked at, where there are more than are looked at at once.

/// A round over those who have a place under a limit: so many are looked at in one look, and then the next ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// The index at which the next look begins.
    next: usize,
    /// So many one after the other were seen to go on since anything changed.
    going: usize,
}

impl Round {
    /// Those of `all` that are looked at now, `most` at once.
    #[must_use]
    pub fn turn<'t, T>(&self, all: &'t [T], most: usize) -> Vec<&'t T> {
        let first = self.next.checked_rem(all.len()).unwrap_or(0);
        all.iter().cycle().skip(first).take(most.min(all.len())).collect()
    }

    /// Goes on after a look at `looked` of `all`. True when every one was seen to go on since anything changed.
    pub fn went_on(&mut self, looked: usize, all: usize, is_going: bool) -> bool {
        self.next = (self.next + looked).checked_rem(all).unwrap_or(0);
        self.going = if is_going { self.going + looked } else { 0 };
        is_going && self.going >= all
    }

    /// Something changed: all are looked at once more, beginning with who is next.
    #[must_use]
    pub fn anew(self) -> Self {
        Self { going: 0, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_looked_at_before_anybody_is_again() {
        let all: Vec<usize> = (0..150).collect();
        let mut round = Round::default();
        let mut seen = Vec::new();
        for is_last in [false, false, true] {
            let turn: Vec<usize> = round.turn(&all, 64).into_iter().copied().collect();
            assert_eq!(turn.len(), 64);
            assert_eq!(round.went_on(turn.len(), all.len(), true), is_last);
            seen.extend(turn);
        }
        assert_eq!(seen.iter().take(150).copied().collect::<Vec<_>>(), all);
        assert_eq!(round.turn(&all, 2), [&42, &43], "the next round goes on there");
    }

    #[test]
    fn who_does_not_go_on_and_what_changes_begin_the_round_anew_where_it_is() {
        let all = [0_u8; 100];
        let mut round = Round::default();
        assert!(!round.went_on(64, all.len(), false));
        assert!(!round.went_on(64, all.len(), true));
        round = round.anew();
        assert!(!round.went_on(64, all.len(), true) && round.went_on(64, all.len(), true));
    }

    #[test]
    fn few_are_all_looked_at_and_nobody_is_too() {
        let mut round = Round::default();
        assert_eq!(round.turn(&[7, 8], 64), [&7, &8]);
        assert!(round.went_on(2, 2, true));
        // One has left meanwhile.
        assert_eq!(round.turn(&[8], 64), [&8]);
        assert!(round.turn(&[0_u8; 0], 64).is_empty() && round.went_on(0, 0, true));
    }
}
