//! Checking signatures of one key that is known beforehand, at less than half the cost of any key's. Pure, but needs the
//! crypto library.
//!
//! A signature is `R` and `s`; it is good when `s·B - k·A`, written down, is `R`, with the key `A` and `k` the SHA-512 of `R`,
//! `A` and the message (RFC 8032, 5.1.7, without its cofactor, as `ed25519_dalek` checks it; a property test holds the two
//! against each other). What takes long are the 253 doublings under the two products. None is needed where the multiples of
//! both points are known: each product is then a sum of one multiple for each digit of its factor (Brickell, Gordon, McCurley
//! and Wilson, "Fast exponentiation with precomputation", 1992). The time it takes depends on the message and its signature,
//! which are no secrets.

use curve25519_dalek::{Scalar, constants::ED25519_BASEPOINT_POINT, edwards::EdwardsPoint, traits::Identity as _};
use ed25519_dalek::{SIGNATURE_LENGTH, VerifyingKey};
use ring::digest;

/// Bits of a digit. Each more would double the multiples, which should stay in the processor's cache.
const DIGIT_BITS: u32 = 6;
/// A digit above this is written as the negative of what is missing to the next one, so half the multiples will do.
const MULTIPLES: usize = 1 << (DIGIT_BITS - 1);
/// Digits of a factor, which has 253 bits.
const DIGITS: usize = 43;

/// Checks signatures of one key.
pub struct Verifier {
    key: [u8; 32],
    of_minus_key: Multiples,
    of_base: Multiples,
}

/// Of a point: 1 to 32 times its product with the value of each place of a factor, place by place. 215 KiB.
struct Multiples(Vec<EdwardsPoint>);

impl Verifier {
    /// Of `key`. Takes a few milliseconds.
    #[must_use]
    pub fn new(key: &VerifyingKey) -> Self {
        let of_minus_key = Multiples::of(-key.to_edwards());
        Self { key: key.to_bytes(), of_minus_key, of_base: Multiples::of(ED25519_BASEPOINT_POINT) }
    }

    /// Whether `signature` is the key's of `message`. One whose `s` is not below the order of the group is none.
    #[must_use]
    pub fn is_signed(&self, message: &[u8], signature: &[u8; SIGNATURE_LENGTH]) -> bool {
        let Some((r, s)) = signature.split_first_chunk::<32>() else { return false };
        let Ok(s) = <[u8; 32]>::try_from(s) else { return false };
        let Some(s) = Option::<Scalar>::from(Scalar::from_canonical_bytes(s)) else { return false };
        let product = self.of_minus_key.add_product(EdwardsPoint::identity(), &self.hash(r, message));
        self.of_base.add_product(product, &s).compress().as_bytes() == r
    }

    fn hash(&self, r: &[u8; 32], message: &[u8]) -> Scalar {
        let mut hash = digest::Context::new(&digest::SHA512);
        hash.update(r);
        hash.update(&self.key);
        hash.update(message);
        let mut wide = [0; 64];
        for (byte, hashed) in wide.iter_mut().zip(hash.finish().as_ref()) {
            *byte = *hashed;
        }
        Scalar::from_bytes_mod_order_wide(&wide)
    }
}

impl Multiples {
    fn of(point: EdwardsPoint) -> Self {
        let (mut multiples, mut at_place) = (Vec::with_capacity(DIGITS * MULTIPLES), point);
        for _ in 0..DIGITS {
            let mut multiple = at_place;
            for _ in 0..MULTIPLES {
                multiples.push(multiple);
                multiple += at_place;
            }
            for _ in 0..DIGIT_BITS {
                at_place += at_place;
            }
        }
        Self(multiples)
    }

    /// `sum` with the product of the point and `factor`.
    fn add_product(&self, mut sum: EdwardsPoint, factor: &Scalar) -> EdwardsPoint {
        for (place, digit) in self.0.chunks_exact(MULTIPLES).zip(digits(factor)) {
            // Nothing is the multiple of the digit 0.
            let Some(multiple) = digit.unsigned_abs().checked_sub(1).and_then(|index| place.get(index as usize)) else {
                continue;
            };
            if digit > 0 {
                sum += multiple;
            } else {
                sum -= multiple;
            }
        }
        sum
    }
}

/// The digits of a factor, each from -31 to 32, the least first.
fn digits(factor: &Scalar) -> [i32; DIGITS] {
    let (half, base) = (1 << (DIGIT_BITS - 1), 1 << DIGIT_BITS);
    let mut bytes = factor.as_bytes().iter();
    let (mut held, mut held_bits, mut carry) = (0, 0, 0);
    let mut digits = [0; DIGITS];
    for digit in &mut digits {
        while held_bits < DIGIT_BITS {
            held |= bytes.next().map_or(0, |byte| i32::from(*byte)) << held_bits;
            held_bits += 8;
        }
        *digit = held % base + carry;
        carry = i32::from(*digit > half);
        *digit -= carry * base;
        held >>= DIGIT_BITS;
        held_bits -= DIGIT_BITS;
    }
    digits
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use ed25519_dalek::{Signature, Signer as _, SigningKey, Verifier as _};
    use proptest::prelude::*;

    /// The order of the group, the least first.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];

    /// Both checks, which must agree.
    fn check(key: &VerifyingKey, verifier: &Verifier, message: &[u8], signature: [u8; 64]) -> bool {
        let theirs = key.verify(message, &Signature::from_bytes(&signature)).is_ok();
        assert_eq!(verifier.is_signed(message, &signature), theirs, "{signature:?}");
        theirs
    }

    /// `s` with the order added, which says the same modulo the order.
    fn beyond_the_order(mut signature: [u8; 64]) -> [u8; 64] {
        let mut carry = 0;
        for (byte, order) in signature[32..].iter_mut().zip(ORDER) {
            let sum = u16::from(*byte) + u16::from(order) + carry;
            *byte = (sum & 0xff) as u8;
            carry = sum >> 8;
        }
        signature
    }

    #[test]
    fn the_vectors_of_the_standard_verify() {
        // RFC 8032, 7.1, tests 1 and 2: seed, message.
        for (seed, message, wanted) in [
            ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", &[][..], "e5564300c360ac72"),
            ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", &[0x72][..], "92a009a9f0d4cab8"),
        ] {
            let bytes = |text: &str| -> Vec<u8> {
                (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
            };
            let key = SigningKey::from_bytes(&bytes(seed).try_into().unwrap());
            let signature = key.sign(message).to_bytes();
            assert_eq!(signature[..8], bytes(wanted));
            assert!(Verifier::new(&key.verifying_key()).is_signed(message, &signature));
        }
    }

    #[test]
    fn factors_at_the_edges_have_their_digits() {
        let value = |factor: &Scalar| {
            digits(factor).iter().rev().fold(Scalar::ZERO, |sum, digit| {
                assert!((-31..=32).contains(digit));
                let size = Scalar::from(u64::from(digit.unsigned_abs()));
                sum * Scalar::from(64_u64) + if *digit < 0 { -size } else { size }
            })
        };
        for factor in [Scalar::ZERO, Scalar::ONE, -Scalar::ONE, Scalar::from(u64::MAX), -Scalar::from(33_u64)] {
            assert_eq!(value(&factor), factor);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_says_what_the_library_says(
            seed in any::<[u8; 32]>(), other in any::<[u8; 32]>(), message in proptest::collection::vec(any::<u8>(), 0..300),
            bit in 0_usize..512, junk in any::<[[u8; 32]; 2]>()
        ) {
            let signer = SigningKey::from_bytes(&seed);
            let key = signer.verifying_key();
            let verifier = Verifier::new(&key);
            let good = signer.sign(&message).to_bytes();
            prop_assert!(check(&key, &verifier, &message, good));
            let mut flipped = good;
            flipped[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!check(&key, &verifier, &message, flipped));
            prop_assert!(!check(&key, &verifier, &[&message[..], b"!"].concat(), good));
            prop_assert!(!check(&key, &verifier, &message, beyond_the_order(good)));
            prop_assert!(!check(&key, &verifier, &message, SigningKey::from_bytes(&other).sign(&message).to_bytes()));
            check(&key, &verifier, &message, junk.concat().try_into().unwrap());
        }
    }

    #[test]
    fn points_of_small_order_are_judged_as_the_library_does() {
        // The neutral element as `R` with s = 0, and as the key itself.
        let neutral: [u8; 32] = std::array::from_fn(|at| u8::from(at == 0));
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&neutral);
        let key = SigningKey::from_bytes(&[7; 32]).verifying_key();
        assert!(!check(&key, &Verifier::new(&key), b"hello", signature));
        let weak = VerifyingKey::from_bytes(&neutral).unwrap();
        assert!(check(&weak, &Verifier::new(&weak), b"hello", signature));
    }
}
