//! Batches as stretches of time: hours, days, months, years of UTC, one after the other without a gap.

use chrono::{DateTime, Datelike, Duration, Months, NaiveDate, NaiveDateTime, SubsecRound, Timelike, Utc};

/// The first and the last moment of a batch; the last is not part of it.
pub type Stretch = (DateTime<Utc>, DateTime<Utc>);

/// `batch_size`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BatchSize {
    Hour,
    Day,
    Month,
    Year,
}

impl BatchSize {
    /// The size of a word; plural and case do not matter where `--sample` says it.
    pub(crate) fn of(word: &str) -> Option<Self> {
        Some(match word {
            "hour" => Self::Hour,
            "day" => Self::Day,
            "month" => Self::Month,
            "year" => Self::Year,
            _ => return None,
        })
    }

    /// The start of the batch that a moment lies in.
    fn truncate(self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let day = at.date_naive();
        let start = match self {
            Self::Hour => return day.and_hms_opt(at.hour(), 0, 0).map(|start| start.and_utc()),
            Self::Day => Some(day),
            Self::Month => day.with_day(1),
            Self::Year => NaiveDate::from_ymd_opt(day.year(), 1, 1),
        };
        start.map(|day| day.and_time(chrono::NaiveTime::MIN).and_utc())
    }

    /// The start of the batch so many batches away from that of a moment; `None` beyond the calendar.
    fn offset(self, at: DateTime<Utc>, count: i64) -> Option<DateTime<Utc>> {
        let start = self.truncate(at)?;
        let moved = match self {
            Self::Hour => start.checked_add_signed(Duration::try_hours(count)?),
            Self::Day => start.checked_add_signed(Duration::try_days(count)?),
            Self::Month => shift_months(start, count),
            Self::Year => shift_months(start, count.checked_mul(12)?),
        };
        moved.filter(|at| (1..=9999).contains(&at.year()))
    }

    /// The end of the batch that a moment lies in; of a moment between two, itself.
    fn ceiling(self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let start = self.truncate(at)?;
        if start == at { Some(at) } else { self.offset(start, 1) }
    }

    /// How a batch is called in lines and files: `2024-09-17T16`, `2024-09-17`, `2024-09`, `2024`.
    pub(crate) fn label(self, start: DateTime<Utc>) -> String {
        let format = match self {
            Self::Hour => "%Y-%m-%dT%H",
            Self::Day => "%Y-%m-%d",
            Self::Month => "%Y-%m",
            Self::Year => "%Y",
        };
        start.format(format).to_string()
    }

    /// `model.batch.id`
    pub(crate) fn id(self, start: DateTime<Utc>) -> String {
        self.label(start).replace('-', "")
    }
}

fn shift_months(at: DateTime<Utc>, count: i64) -> Option<DateTime<Utc>> {
    let months = Months::new(u32::try_from(count.unsigned_abs()).ok()?);
    if count < 0 { at.checked_sub_months(months) } else { at.checked_add_months(months) }
}

/// What decides about the batches of a model.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub size: BatchSize,
    /// `begin`, as its clock shows it.
    pub begin: Option<NaiveDateTime>,
    pub lookback: i64,
    /// Only the newest batches; otherwise all since `begin`.
    pub incremental: bool,
    /// `--event-time-start`, or that of the sample.
    pub start: Option<DateTime<Utc>>,
    /// `--event-time-end`, or that of the sample.
    pub end: Option<DateTime<Utc>>,
    /// When the run began.
    pub now: DateTime<Utc>,
}

/// The calendar ends before the batches do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BeyondCalendar;

impl Wanted {
    /// The batches, the oldest first. There is at least one.
    pub(crate) fn stretches(&self) -> Result<Vec<Stretch>, BeyondCalendar> {
        let end = self.size.ceiling(self.end.unwrap_or(self.now)).ok_or(BeyondCalendar)?;
        let start = self.first(end).ok_or(BeyondCalendar)?;
        let mut stretches = Vec::new();
        let mut from = start;
        loop {
            let to = self.size.offset(from, 1).ok_or(BeyondCalendar)?;
            if to >= end {
                stretches.push((from, end));
                return Ok(stretches);
            }
            stretches.push((from, to));
            from = to;
        }
    }

    fn first(&self, end: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if let Some(start) = self.start {
            return self.size.truncate(start);
        }
        match (self.incremental, self.begin) {
            (false, Some(begin)) => self.size.truncate(begin.and_utc()),
            // `end` lies between two batches: one back is the newest.
            _ => self.size.offset(end, -self.lookback.checked_add(1)?),
        }
    }
}

/// A span of time before `now`, such as `3 days`: not cut to whole days.
///
/// # Errors
/// What is wrong with the text.
pub fn span_before(text: &str, now: DateTime<Utc>) -> Result<Stretch, String> {
    let (count, grain) = match text.split_once(' ') {
        Some((count, grain)) if !grain.contains(' ') => (count, grain),
        _ => {
            return Err(format!(
                "Cannot load SAMPLE_WINDOW from '{text}'. Must be of form 'DAYS_INT GRAIN_SIZE'."
            ));
        }
    };
    let count: i64 =
        count.trim().parse().map_err(|_| format!("Unable to convert '{count}' to an integer."))?;
    let size = BatchSize::of(grain.to_lowercase().trim_end_matches('s')).ok_or_else(|| {
        format!(
            "Invalid grain size '{grain}'. Must be one of ['hour', 'day', 'month', 'year', 'hours', 'days', 'months', \
             'years']."
        )
    })?;
    let start = match size {
        BatchSize::Hour => Duration::try_hours(count).and_then(|span| now.checked_sub_signed(span)),
        BatchSize::Day => Duration::try_days(count).and_then(|span| now.checked_sub_signed(span)),
        BatchSize::Month => count.checked_neg().and_then(|count| shift_months(now, count)),
        BatchSize::Year => count.checked_mul(-12).and_then(|count| shift_months(now, count)),
    };
    match start.filter(|at| (1..=9999).contains(&at.year())) {
        Some(start) => Ok((start.trunc_subsecs(6), now.trunc_subsecs(6))),
        None => Err(format!("'{text}' reaches beyond the calendar, which has the years 1 to 9999.")),
    }
}

/// A moment as filters and templates print it: `2024-01-31 10:00:00+00:00`, microseconds where there are some.
pub(crate) fn printed(at: DateTime<Utc>) -> String {
    let precise = at.timestamp_subsec_micros() != 0;
    at.format(if precise { "%Y-%m-%d %H:%M:%S%.6f+00:00" } else { "%Y-%m-%d %H:%M:%S+00:00" }).to_string()
}

/// A moment as results write it: `2024-01-31T10:00:00+00:00`.
pub(crate) fn written(at: DateTime<Utc>) -> String {
    printed(at).replacen(' ', "T", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap_or_else(|_| panic!("{text}"))
    }

    fn wanted(size: BatchSize) -> Wanted {
        Wanted {
            size,
            begin: Some(at("2019-12-30T11:30:00Z").naive_utc()),
            lookback: 1,
            incremental: false,
            start: None,
            end: None,
            now: at("2020-01-01T13:57:00Z"),
        }
    }

    /// `first..second..end`, labels by size.
    fn told(wanted: &Wanted) -> String {
        let stretches = wanted.stretches().unwrap();
        let last = stretches.last().map(|(_, end)| printed(*end)).unwrap_or_default();
        let labels: Vec<String> = stretches.iter().map(|(start, _)| wanted.size.label(*start)).collect();
        format!("{} until {last}", labels.join(" "))
    }

    #[test]
    fn a_first_run_takes_all_batches_since_begin() {
        let cases = [
            (BatchSize::Day, "2019-12-30 2019-12-31 2020-01-01 until 2020-01-02 00:00:00+00:00"),
            (BatchSize::Month, "2019-12 2020-01 until 2020-02-01 00:00:00+00:00"),
            (BatchSize::Year, "2019 2020 until 2021-01-01 00:00:00+00:00"),
        ];
        for (size, expected) in cases {
            assert_eq!(told(&wanted(size)), expected);
        }
        assert_eq!(wanted(BatchSize::Hour).stretches().unwrap().len(), 51);
    }

    #[test]
    fn later_runs_take_the_newest_and_those_that_lookback_says() {
        for (lookback, expected) in [
            (0, "2020-01-01 until 2020-01-02 00:00:00+00:00"),
            (1, "2019-12-31 2020-01-01 until 2020-01-02 00:00:00+00:00"),
            (3, "2019-12-29 2019-12-30 2019-12-31 2020-01-01 until 2020-01-02 00:00:00+00:00"),
        ] {
            assert_eq!(told(&Wanted { incremental: true, lookback, ..wanted(BatchSize::Day) }), expected);
        }
        let between = Wanted { incremental: true, now: at("2020-01-01T00:00:00Z"), ..wanted(BatchSize::Day) };
        assert_eq!(told(&between), "2019-12-30 2019-12-31 until 2020-01-01 00:00:00+00:00");
        let march = Wanted { incremental: true, now: at("2020-03-31T01:00:00Z"), ..wanted(BatchSize::Month) };
        assert_eq!(told(&march), "2020-02 2020-03 until 2020-04-01 00:00:00+00:00");
    }

    #[test]
    fn a_given_window_is_widened_to_whole_batches() {
        let given = Wanted {
            start: Some(at("2021-05-01T10:15:00Z")),
            end: Some(at("2021-05-01T12:00:01Z")),
            ..wanted(BatchSize::Hour)
        };
        let expected = "2021-05-01T10 2021-05-01T11 2021-05-01T12 until 2021-05-01 13:00:00+00:00";
        assert_eq!(told(&given), expected);
    }

    #[test]
    fn a_begin_in_the_future_is_one_batch_that_nothing_falls_into() {
        let future = Wanted { begin: Some(at("2030-01-01T00:00:00Z").naive_utc()), ..wanted(BatchSize::Day) };
        assert_eq!(told(&future), "2030-01-01 until 2020-01-02 00:00:00+00:00");
    }

    #[test]
    fn the_calendar_ends() {
        for size in [BatchSize::Hour, BatchSize::Day, BatchSize::Month, BatchSize::Year] {
            let far = Wanted { incremental: true, lookback: i64::MAX, ..wanted(size) };
            assert_eq!(far.stretches(), Err(BeyondCalendar));
        }
        let last = Wanted { now: at("9999-12-31T23:30:00Z"), incremental: true, ..wanted(BatchSize::Year) };
        assert_eq!(last.stretches(), Err(BeyondCalendar));
    }

    #[test]
    fn samples_reach_back_from_now() {
        let now = at("2024-03-31T12:30:00.5Z");
        for (text, start) in [
            ("1 hour", "2024-03-31 11:30:00.500000+00:00"),
            ("3 days", "2024-03-28 12:30:00.500000+00:00"),
            ("1 Month", "2024-02-29 12:30:00.500000+00:00"),
            ("2 years", "2022-03-31 12:30:00.500000+00:00"),
            ("-1 day", "2024-04-01 12:30:00.500000+00:00"),
        ] {
            assert_eq!(span_before(text, now).map(|(start, _)| printed(start)), Ok(start.to_owned()));
        }
        for (text, error) in [
            ("3", "Cannot load SAMPLE_WINDOW from '3'"),
            ("3  days", "Cannot load SAMPLE_WINDOW"),
            ("some days", "Unable to convert 'some'"),
            ("3 weeks", "Invalid grain size 'weeks'"),
            ("9999 years", "'9999 years' reaches beyond the calendar"),
        ] {
            let said = span_before(text, now).unwrap_err();
            assert!(said.starts_with(error), "{said}");
        }
    }
}
