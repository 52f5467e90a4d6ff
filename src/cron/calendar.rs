//! The times of a crontab as calendar events of systemd (systemd.time(7)).

/// The names of weekdays from Monday on, as systemd writes them.
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// When cron starts a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Schedule {
    /// When cron is started (`@reboot`).
    Start,
    /// At the times of these calendar events, one of which is enough.
    Calendar(Vec<String>),
}

/// A time field: its values in order.
struct Field {
    values: Vec<u8>,
    last: u8,
    /// True if it begins with an asterisk. cron then does not count it as a restriction of days, even if it has a step.
    is_any: bool,
}

impl Schedule {
    /// Parses the five time fields or the word of a crontab (crontab(5)). `None`: it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let fields = match text {
            "@reboot" => return Some(Self::Start),
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            fields => fields,
        };
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let &[minute, hour, day, month, weekday] = fields.as_slice() else {
            return None;
        };
        let (minute, hour) = (field(minute, 0, 59, &[])?, field(hour, 0, 23, &[])?);
        let (day, month) = (field(day, 1, 31, &[])?, field(month, 1, 12, &MONTHS)?);
        let names = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
        let weekday = field(weekday, 0, 7, &names)?;
        let time = format!("{}:{}:00", hour.text(0), minute.text(0));
        let event =
            |weekdays: &str, days: &str| format!("{weekdays}*-{}-{days} {time}", month.text(1));
        let (weekdays, days) = (weekdays(&weekday), day.text(1));
        Some(Self::Calendar(if day.is_any || weekday.is_any {
            vec![event(&weekdays, &days)]
        } else {
            // If both are restricted, cron needs only one of them.
            vec![event(&weekdays, "*"), event("", &days)]
        }))
    }
}

impl Field {
    /// The field of a calendar event, whose lowest value is `first`.
    fn text(&self, first: u8) -> String {
        let values = self.values.as_slice();
        let (low, high) = match values {
            [low, _, .., high] => (*low, *high),
            _ => return listed(values),
        };
        let step = values[1] - low;
        if !values.windows(2).all(|pair| pair[1] - pair[0] == step) {
            return listed(values);
        }
        match (step, high + step > self.last) {
            (1, true) if low == first => "*".to_owned(),
            (1, _) => format!("{low}..{high}"),
            (step, true) => format!("{low}/{step}"),
            (step, false) => format!("{low}..{high}/{step}"),
        }
    }
}

fn listed(values: &[u8]) -> String {
    let texts: Vec<String> = values.iter().map(u8::to_string).collect();
    texts.join(",")
}

/// The weekdays before a date; empty if any will do.
fn weekdays(field: &Field) -> String {
    let has = |day: u8| field.values.contains(&(day % 7)) || day == 7 && field.values.contains(&7);
    let days: Vec<&str> = (1..=7)
        .filter(|day| has(*day))
        .map(|day| WEEKDAYS[usize::from(day) - 1])
        .collect();
    match days.len() {
        7 => String::new(),
        _ => days.join(",") + " ",
    }
}

/// Parses a field: a list of values, ranges and steps. Names stand for the values from `first` on.
fn field(text: &str, first: u8, last: u8, names: &[&str]) -> Option<Field> {
    let number = |text: &str| {
        let name = names
            .iter()
            .zip(first..)
            .find(|(name, _)| text.eq_ignore_ascii_case(name));
        let is_number = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
        let number = is_number.then(|| text.parse().ok()).flatten();
        let value = name.map(|(_, value)| value).or(number)?;
        (first..=last).contains(&value).then_some(value)
    };
    let mut values = Vec::new();
    for item in text.split(',') {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, step.parse().ok().filter(|step: &u8| *step > 0)?),
            None => (item, 1),
        };
        let (low, high) = match range.split_once('-') {
            _ if range == "*" => (first, last),
            Some((low, high)) => (number(low)?, number(high)?),
            // cron has no steps from a single value on.
            None if item != range => return None,
            None => (number(range)?, number(range)?),
        };
        if low > high {
            return None;
        }
        values.extend((low..=high).step_by(usize::from(step)));
    }
    values.sort_unstable();
    values.dedup();
    let is_any = text.starts_with('*');
    Some(Field {
        values,
        last,
        is_any,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(text: &str) -> Vec<String> {
        match Schedule::parse(text) {
            Some(Schedule::Calendar(events)) => events,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn times_of_cron_are_events_of_a_calendar() {
        for (text, event) in [
            ("15 3 * * *", "*-*-* 3:15:00"),
            ("*/5 * * * *", "*-*-* *:0/5:00"),
            ("10-30/5 8-18 * * *", "*-*-* 8..18:10..30/5:00"),
            ("0,30 0 1,15 jan-mar *", "*-1..3-1,15 0:0,30:00"),
            ("0 6 * * Mon-Fri", "Mon,Tue,Wed,Thu,Fri *-*-* 6:0:00"),
            ("0 6 * * 7", "Sun *-*-* 6:0:00"),
            ("0 6 * * 0,6", "Sat,Sun *-*-* 6:0:00"),
            ("0 6 * * 5-7", "Fri,Sat,Sun *-*-* 6:0:00"),
            ("0 6 * * */2", "Tue,Thu,Sat,Sun *-*-* 6:0:00"),
            ("0 6 */2 * 1", "Mon *-*-1/2 6:0:00"),
            ("@daily", "*-*-* 0:0:00"),
            ("@weekly", "Sun *-*-* 0:0:00"),
            ("@yearly", "*-1-1 0:0:00"),
        ] {
            assert_eq!(events(text), [event], "{text}");
        }
    }

    #[test]
    fn a_day_and_a_weekday_are_two_events() {
        assert_eq!(events("0 0 13 * 5"), ["Fri *-*-* 0:0:00", "*-*-13 0:0:00"]);
    }

    #[test]
    fn other_texts_are_no_times() {
        assert_eq!(Schedule::parse("@reboot"), Some(Schedule::Start));
        for text in [
            "",
            "@often",
            "0 0 * *",
            "60 0 * * *",
            "0 24 * * *",
            "0 0 0 * *",
            "0 0 * 13 *",
            "0 0 * * 8",
            "5-1 * * * *",
            "*/0 * * * *",
            "5/2 * * * *",
            "x * * * *",
            ", * * * *",
            "-1 * * * *",
            "+1 * * * *",
            "300 * * * *",
        ] {
            assert_eq!(Schedule::parse(text), None, "{text}");
        }
    }
}
