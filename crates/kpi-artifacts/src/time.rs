//! Moments as the files write them: `2024-01-31T10:00:00.123456Z`.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

const FORMAT: &str = "%Y-%m-%dT%H:%M:%S%.6fZ";

/// A moment of a text, with or without a zone.
fn parse(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    text.parse::<NaiveDateTime>().ok().map(|t| t.and_utc())
}

/// `#[serde(with)]` of a moment.
pub(crate) mod required {
    use super::*;

    pub fn serialize<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&time.format(FORMAT))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).ok_or_else(|| D::Error::custom(format!("not a time: {text}")))
    }
}

/// `#[serde(with)]` of a moment as Python writes one with a zone: `2024-01-31T10:00:00+00:00`, microseconds where there are
/// some.
pub(crate) mod zoned {
    pub use super::required::deserialize;
    use super::*;

    pub fn serialize<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
        let precise = time.timestamp_subsec_micros() != 0;
        let format = if precise { "%Y-%m-%dT%H:%M:%S%.6f+00:00" } else { "%Y-%m-%dT%H:%M:%S+00:00" };
        serializer.collect_str(&time.format(format))
    }
}

/// `#[serde(with)]` of a moment that may be missing.
pub(crate) mod optional {
    use super::*;

    pub fn serialize<S: Serializer>(time: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => required::serialize(time, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<DateTime<Utc>>, D::Error> {
        match Option::<String>::deserialize(deserializer)? {
            None => Ok(None),
            Some(text) => {
                parse(&text).map(Some).ok_or_else(|| D::Error::custom(format!("not a time: {text}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_their_microseconds_with_or_without_a_zone() {
        for written in
            ["2024-01-31T10:00:00.123456Z", "2024-01-31T10:00:00.123456", "2024-01-31T12:00:00.123456+02:00"]
        {
            assert_eq!(
                parse(written).map(|t| t.format(FORMAT).to_string()).as_deref(),
                Some("2024-01-31T10:00:00.123456Z"),
                "{written}"
            );
        }
        assert_eq!(parse("yesterday"), None);
    }
}
