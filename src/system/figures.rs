//! Sizes and counts in a short form.

/// A size for a column, as in `ls -h`: `312`, `1.2K`, `35M`.
pub fn size(octets: u64) -> String {
    const LETTERS: [&str; 7] = ["", "K", "M", "G", "T", "P", "E"];
    let scaled = Scaled::of(octets);
    scaled.number() + LETTERS[scaled.power]
}

/// A size for a sentence: `312 bytes`, `1.2 KiB`, `35 MiB`.
pub fn spoken_size(octets: u64) -> String {
    const UNITS: [&str; 7] = ["byte", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let scaled = Scaled::of(octets);
    match UNITS[scaled.power] {
        unit @ "byte" => counted(octets, unit),
        unit => format!("{} {unit}", scaled.number()),
    }
}

/// A size in the largest unit that is not larger than it.
struct Scaled {
    /// The unit is this power of 1024.
    power: usize,
    tenths: u128,
}

impl Scaled {
    /// Rounds down, so that a size within a limit is not shown as larger than the limit.
    fn of(octets: u64) -> Self {
        let power = octets.checked_ilog2().unwrap_or_default() / 10;
        Self {
            power: power as usize,
            tenths: (u128::from(octets) * 10) >> (10 * power),
        }
    }

    fn number(&self) -> String {
        if self.power == 0 || self.tenths >= 100 {
            return (self.tenths / 10).to_string();
        }
        format!("{}.{}", self.tenths / 10, self.tenths % 10)
    }
}

/// `1 item`, `3 items`: for nouns with a plural in -s.
pub fn counted(count: u64, thing: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_is_a_number_and_a_unit_letter() {
        let shown = [
            (0, "0"),
            (1023, "1023"),
            (1024, "1.0K"),
            (1229, "1.2K"),
            (10_239, "9.9K"),
            (10_240, "10K"),
            (1_048_575, "1023K"),
            (1_048_576, "1.0M"),
            (36_700_160, "35M"),
            (u64::MAX, "15E"),
        ];
        for (octets, text) in shown {
            assert_eq!(size(octets), text, "{octets}");
        }
    }

    #[test]
    fn spoken_size_has_the_largest_unit() {
        let all = [1, 812, 3482, 5 << 20, 67_174, (1 << 30) + (1 << 29)].map(spoken_size);
        let spoken = [
            "1 byte",
            "812 bytes",
            "3.4 KiB",
            "5.0 MiB",
            "65 KiB",
            "1.5 GiB",
        ];
        assert_eq!(all, spoken);
    }

    #[test]
    fn count_of_one_is_singular() {
        assert_eq!(counted(1, "item"), "1 item");
        assert_eq!(counted(0, "item"), "0 items");
    }
}
