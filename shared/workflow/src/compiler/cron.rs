//! Time patterns of schedules: the five fields of cron.

/// A field: its name, its least and greatest number, and names that stand for numbers.
type Field = (&'static str, u32, u32, &'static [&'static str]);

const FIELDS: [Field; 5] = [
    ("minute", 0, 59, &[]),
    ("hour", 0, 23, &[]),
    ("day of the month", 1, 31, &[]),
    ("month", 1, 12, &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]),
    ("day of the week", 0, 7, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
];

/// What is wrong with a pattern.
pub(super) fn fault(pattern: &str) -> Option<String> {
    let parts: Vec<&str> = pattern.split_whitespace().collect();
    if parts.len() != FIELDS.len() {
        let names: Vec<&str> = FIELDS.iter().map(|(name, ..)| *name).collect();
        return Some(format!("a cron pattern has five fields ({}), not {}", names.join(", "), parts.len()));
    }
    FIELDS.iter().zip(parts).find_map(|(field, part)| {
        let (name, least, most, _) = field;
        let is_right = part.split(',').all(|item| is_item(item, field));
        (!is_right)
            .then(|| format!("`{part}` is no {name}: it is * or numbers from {least} to {most}, such as 1,3-5 or */2"))
    })
}

/// `*`, a number or a range, with or without a step.
fn is_item(item: &str, field: &Field) -> bool {
    let (range, step) = item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
    let is_step = step.is_none_or(|step| step.parse::<u32>().is_ok_and(|step| step > 0));
    let is_range = match range.split_once('-') {
        Some((from, to)) => number(from, field).is_some_and(|from| number(to, field).is_some_and(|to| from <= to)),
        None => range == "*" || number(range, field).is_some(),
    };
    is_step && is_range
}

fn number(text: &str, (_, least, most, names): &Field) -> Option<u32> {
    let named = names.iter().position(|name| text.eq_ignore_ascii_case(name)).and_then(|at| u32::try_from(at).ok());
    named.map(|at| at + least).or_else(|| text.parse().ok()).filter(|number| (least..=most).contains(&number))
}
