//! Sizes of messages: one, a range, or several with weights.

use std::ops::RangeInclusive;

/// The sizes of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Ranges in octets with their weights; at least one, with a weight above 0.
    choices: Vec<(RangeInclusive<u64>, u32)>,
}

/// The smallest message in octets: the header must fit in.
const MIN: u64 = 512;

/// The largest message in octets.
const MAX: u64 = 1 << 30;

impl Sizes {
    /// Parses `4K`, `1K-1M` or `1K:70,100K:25,5M:5`, with a function that parses one size.
    pub fn parse(text: &str, size: impl Fn(&str) -> Result<u64, String>) -> Result<Self, String> {
        let one = |text: &str| {
            let octets = size(text)?;
            if (MIN..=MAX).contains(&octets) {
                return Ok(octets);
            }
            Err(format!("a message has 512 bytes to 1G, not {text}"))
        };
        let mut choices = Vec::new();
        for entry in text.split(',') {
            let (range, weight) = match entry.split_once(':') {
                Some((range, weight)) => (range, weight.parse().ok().filter(|&weight| weight > 0)),
                None => (entry, Some(1)),
            };
            let weight = weight
                .filter(|&weight: &u32| weight <= 1_000_000)
                .ok_or_else(|| format!("expected a weight of 1 or more after \"{range}:\""))?;
            let range = match range.split_once('-') {
                Some((low, high)) => one(low)?..=one(high)?,
                None => one(range)?..=one(range)?,
            };
            if range.is_empty() {
                return Err(format!("the range {entry} ends before it begins"));
            }
            choices.push((range, weight));
        }
        Ok(Self { choices })
    }

    /// The size of the message with this number: the same in each run with this seed.
    pub fn of(&self, number: u64, seed: u64) -> u64 {
        if let [(range, _)] = &*self.choices
            && range.start() == range.end()
        {
            return *range.start();
        }
        let mut random =
            fastrand::Rng::with_seed(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let total = self
            .choices
            .iter()
            .map(|(_, weight)| u64::from(*weight))
            .sum();
        let mut place = random.u64(0..total);
        for (range, weight) in &self.choices {
            if place < u64::from(*weight) {
                return random.u64(range.clone());
            }
            place -= u64::from(*weight);
        }
        MIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Sizes, String> {
        Sizes::parse(text, |text| {
            text.parse().map_err(|_| format!("no size: {text}"))
        })
    }

    #[test]
    fn weights_are_met_and_a_seed_repeats_the_sizes() {
        let sizes = parse("1000:70,2000-3000:25,5000:5").unwrap();
        let all: Vec<u64> = (0..10_000).map(|number| sizes.of(number, 7)).collect();
        let share =
            |range: RangeInclusive<u64>| all.iter().filter(|size| range.contains(size)).count();
        assert!(share(1000..=1000).abs_diff(7000) < 200);
        assert!(share(2000..=3000).abs_diff(2500) < 200);
        assert!(share(5000..=5000).abs_diff(500) < 100);
        let again: Vec<u64> = (0..10_000).map(|number| sizes.of(number, 7)).collect();
        assert_eq!(all, again);
        let other: Vec<u64> = (0..10_000).map(|number| sizes.of(number, 8)).collect();
        assert_ne!(all, other);
    }

    #[test]
    fn wrong_sizes_are_refused() {
        for text in [
            "",
            "100",
            "1000:0",
            "1000:x",
            "3000-2000",
            "1000,",
            "2000000000",
            "1-",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse("4096").unwrap().of(3, 0), 4096);
    }
}
