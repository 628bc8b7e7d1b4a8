//! The cron expressions of EventBridge Scheduler: six fields
//! (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>).
//!
//! The check refuses what the documentation excludes. What it leaves open, Scheduler decides: a
//! range that ends before it begins (`FRI-MON`, `22-2`) is accepted here.

/// The words of months, from 1.
const MONTHS: &[&str] = &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

/// The words of days of the week, from 1.
pub(super) const WEEKDAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// One field: its name, its numbers and the words for them.
struct Field {
    name: &'static str,
    min: u16,
    max: u16,
    words: &'static [&'static str],
    /// Whether increments (`/`) are documented.
    increments: bool,
    /// Whether a range must not end before it begins.
    ascending: bool,
}

const MINUTES: Field = Field { name: "minutes", min: 0, max: 59, words: &[], increments: true, ascending: false };
const HOURS: Field = Field { name: "hours", max: 23, ..MINUTES };
const DAY_OF_MONTH: Field = Field { name: "day-of-month", min: 1, max: 31, ..MINUTES };
const MONTH: Field = Field { name: "month", min: 1, max: 12, words: MONTHS, ..MINUTES };
const DAY_OF_WEEK: Field =
    Field { name: "day-of-week", min: 1, max: 7, words: WEEKDAYS, increments: false, ascending: false };
const YEAR: Field = Field { name: "year", min: 1970, max: 2199, ascending: true, ..MINUTES };

/// Checks the text between the parentheses of `cron(...)` and returns its fields with one blank
/// between them.
///
/// # Errors
/// The problem in words. It completes the sentence that begins with the parameter's name.
pub(super) fn check(text: &str) -> Result<String, String> {
    let fields: Vec<&str> = text.split(' ').filter(|field| !field.is_empty()).collect();
    let [minutes, hours, day_of_month, month, day_of_week, year] = fields.as_slice() else {
        return Err(format!("must have six fields in cron(...), not {}", fields.len()));
    };
    MINUTES.check(minutes)?;
    HOURS.check(hours)?;
    if (*day_of_month == "?") == (*day_of_week == "?") {
        return Err("must have ? in one of day-of-month and day-of-week of cron(...), and not in both".to_owned());
    }
    if *day_of_month != "?" && !is_special_day_of_month(day_of_month) {
        DAY_OF_MONTH.check(day_of_month)?;
    }
    MONTH.check(month)?;
    if *day_of_week != "?" && !is_special_day_of_week(day_of_week) {
        DAY_OF_WEEK.check(day_of_week)?;
    }
    YEAR.check(year)?;
    Ok(fields.join(" "))
}

/// Whether the field is the last day of the month (`L`) or the weekday nearest to a day (`15W`).
fn is_special_day_of_month(text: &str) -> bool {
    text == "L" || text.strip_suffix('W').is_some_and(|day| DAY_OF_MONTH.number(day).is_some())
}

/// Whether the field is the last day of the week (`L`), the last such day of the month (`6L`) or
/// one of its first five (`3#2`). Only one may be given.
fn is_special_day_of_week(text: &str) -> bool {
    let day = |day: &str| DAY_OF_WEEK.number(day).is_some();
    match text.split_once('#') {
        Some((first, nth)) => day(first) && matches!(nth, "1" | "2" | "3" | "4" | "5"),
        None => text == "L" || text.strip_suffix('L').is_some_and(day),
    }
}

impl Field {
    /// Checks a list of values, ranges and increments.
    fn check(&self, text: &str) -> Result<(), String> {
        if text.split(',').all(|item| self.is_item(item)) {
            return Ok(());
        }
        Err(format!("must be valid in the field {} of cron(...)", self.name))
    }

    fn is_item(&self, item: &str) -> bool {
        let Some((base, increment)) = item.split_once('/') else { return item == "*" || self.is_range(item) };
        let increment = digits(increment).is_some_and(|increment| (1..=self.max).contains(&increment));
        self.increments && increment && (base == "*" || self.is_range(base))
    }

    /// Whether the text is a value, or two with a dash between them.
    fn is_range(&self, text: &str) -> bool {
        let Some((first, last)) = text.split_once('-') else { return self.number(text).is_some() };
        match (self.number(first), self.number(last)) {
            (Some(first), Some(last)) => !self.ascending || first <= last,
            _ => false,
        }
    }

    /// The number that a value stands for.
    fn number(&self, text: &str) -> Option<u16> {
        let word = self.words.iter().zip(1..).find(|(word, _)| word.eq_ignore_ascii_case(text));
        let number = word.map(|(_, number)| number).or_else(|| digits(text))?;
        (self.min..=self.max).contains(&number).then_some(number)
    }
}

/// A number of one to four digits, without a sign.
fn digits(text: &str) -> Option<u16> {
    let ok = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    ok.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_documented_examples_of_aws() {
        for fields in [
            "15 10 ? * 6L 2022-2023",
            "0 10 * * ? *",
            "15 12 * * ? *",
            "0 18 ? * MON-FRI *",
            "0 8 1 * ? *",
            "0/15 * * * ? *",
            "0/10 * ? * MON-FRI *",
            "0/5 8-17 ? * MON-FRI *",
            "0/30 20-2 ? * MON-FRI *",
            "0 9 ? * 2#1 *",
            "0 9 ? * 3#2 *",
            "0 9 3W * ? *",
            "0 9 L * ? *",
            "0 9 ? * L *",
            "1/10 * * JAN,FEB,MAR ? *",
            "0 0 1-15 1-6 ? 1970,2199",
            "0 0 ? 12 mon,WED,7 2025/2",
        ] {
            assert_eq!(check(fields).as_deref(), Ok(fields));
        }
        assert_eq!(check("  0  8 ? * MON-FRI   * ").unwrap(), "0 8 ? * MON-FRI *");
    }

    #[test]
    fn err_fields_that_the_documentation_excludes() {
        for (fields, problem) in [
            ("0 8 ? * MON-FRI", "six fields in cron(...), not 5"),
            ("0 0 8 ? * MON-FRI *", "not 7"),
            ("", "not 0"),
            ("0 8 * * * *", "? in one of"),
            ("0 8 ? * ? *", "? in one of"),
            ("0 8 1 * MON *", "? in one of"),
            ("60 8 * * ? *", "field minutes"),
            ("-1 8 * * ? *", "field minutes"),
            ("+1 8 * * ? *", "field minutes"),
            ("? 8 * * ? *", "field minutes"),
            ("0,, 8 * * ? *", "field minutes"),
            ("*/0 8 * * ? *", "field minutes"),
            ("0/60 8 * * ? *", "field minutes"),
            ("/5 8 * * ? *", "field minutes"),
            ("1-2-3 8 * * ? *", "field minutes"),
            ("0 24 * * ? *", "field hours"),
            ("0 8 0 * ? *", "field day-of-month"),
            ("0 8 32 * ? *", "field day-of-month"),
            ("0 8 32W * ? *", "field day-of-month"),
            ("0 8 1,3W * ? *", "field day-of-month"),
            ("0 8 * 13 ? *", "field month"),
            ("0 8 * JANUARY ? *", "field month"),
            ("0 8 ? * MON-XYZ *", "field day-of-week"),
            ("0 8 ? * 0 *", "field day-of-week"),
            ("0 8 ? * 8 *", "field day-of-week"),
            ("0 8 ? * MON/2 *", "field day-of-week"),
            ("0 8 ? * 3#6 *", "field day-of-week"),
            ("0 8 ? * 3#1,6#3 *", "field day-of-week"),
            ("0 8 * * ? 1969", "field year"),
            ("0 8 * * ? 2200", "field year"),
            ("0 8 * * ? 2030-2029", "field year"),
            ("0\t8 * * ? *", "not 5"),
            ("٠ 8 * * ? *", "field minutes"),
        ] {
            let message = check(fields).unwrap_err();
            assert!(message.contains(problem), "{fields:?}: {message}");
        }
    }
}
