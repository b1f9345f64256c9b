//! What a profile holds, and how it is written as JSON: a later call reads it back to tell what changed.

use super::drift::Drift;
use super::kinds::Kind;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// The version of the JSON form. A file of another one is not compared.
pub const FORMAT: u32 = 1;

/// The profile of one relation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// [`FORMAT`]
    pub format: u32,
    /// `model.shop.orders`
    pub unique_id: String,
    /// `orders`, `raw.orders` of a source
    pub name: String,
    /// As SQL has it: `"shop"."main"."orders"`
    pub relation: String,
    /// When it was made, in ISO form (UTC).
    pub profiled_at: String,
    /// Rows that were looked at.
    pub rows: u64,
    /// The number of rows that were drawn, where not all were looked at.
    pub sample: Option<u64>,
    /// Distinct values and quantiles are estimates.
    pub approximate: bool,
    /// Statements that read the relation.
    pub statements: usize,
    /// Its columns, in order.
    pub columns: Vec<ColumnProfile>,
    /// Pairs of numeric columns, in the order of the columns.
    pub correlations: Vec<Correlation>,
    /// Columns, or pairs of columns, whose values tell all rows apart.
    pub keys: Vec<Vec<String>>,
    /// What is worth a look, in words.
    pub alerts: Vec<Alert>,
    /// What changed since an earlier profile, where one was compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
}

impl Profile {
    /// A column by its name.
    pub fn column(&self, name: &str) -> Option<&ColumnProfile> {
        self.columns.iter().find(|c| c.name == name)
    }
}

/// What is known of one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnProfile {
    /// Its name.
    pub name: String,
    /// The type that the database declares.
    #[serde(rename = "type")]
    pub data_type: String,
    /// What can be asked of such a type.
    pub kind: Kind,
    /// Rows without a value.
    pub nulls: u64,
    /// Different values, nulls aside; `None` of types that are not compared.
    pub distinct: Option<u64>,
    /// Every row has a value, and no value occurs twice. `None`: not known.
    pub unique: Option<bool>,
    /// The smallest value: a number, or text.
    pub min: Json,
    /// The largest value.
    pub max: Json,
    /// Of numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numbers: Option<Numbers>,
    /// Of text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
    /// Of dates and moments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// Of booleans: how many are true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trues: Option<u64>,
    /// Numbers by value; dates and moments by seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub histogram: Option<Histogram>,
    /// The same values counted in the classes of the profile that this one is compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub histogram_then: Option<Histogram>,
    /// The most frequent values, the most frequent first.
    pub top: Vec<ValueCount>,
    /// `top` holds all values that there are.
    pub top_is_all: bool,
    /// Shapes of texts, the most frequent first: `AA-999`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shapes: Vec<ValueCount>,
    /// How many values the shapes are those of: of many different ones only some are looked at.
    #[serde(default, skip_serializing_if = "is_none")]
    pub shapes_of: u64,
    /// Why it could not be looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

// serde hands over a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_none(n: &u64) -> bool {
    *n == 0
}

/// Figures of a numeric column. Those that are no finite number are left out and counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Numbers {
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// Sum.
    pub sum: Option<f64>,
    /// Sample standard deviation.
    pub deviation: Option<f64>,
    /// Skewness; positive where the tail is on the right.
    pub skewness: Option<f64>,
    /// Zeros.
    pub zeros: u64,
    /// Values below zero.
    pub negatives: u64,
    /// NaN and infinite values.
    pub not_finite: u64,
    /// The values at [`super::QUANTILES`].
    pub quantiles: Vec<f64>,
}

/// Figures of a text column. Lengths are in characters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Text {
    /// Length of the shortest value.
    pub shortest: Option<u64>,
    /// Length of the longest value.
    pub longest: Option<u64>,
    /// Mean length.
    pub mean_length: Option<f64>,
    /// Values without a character.
    pub empty: u64,
    /// Values of blanks only, empty ones aside.
    pub blank: u64,
    /// Values with blanks at an end.
    pub padded: u64,
    /// What the values could be read as.
    pub forms: Vec<Form>,
}

/// How many texts have a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// `number`, `date`, `email`, `uuid`, `url`
    pub form: String,
    /// Values that have it.
    pub count: u64,
}

/// Figures of a column of dates or moments. Moments without a zone are taken as UTC.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Time {
    /// The largest value, in seconds since 1970.
    pub newest: Option<f64>,
    /// The smallest value, in seconds since 1970.
    pub oldest: Option<f64>,
    /// Seconds from the newest value that is not in the future to the profile.
    pub age: Option<f64>,
    /// Days that have a row.
    pub days: Option<u64>,
    /// Days between the first and the last that have none.
    pub missing_days: Option<u64>,
    /// Values after the moment of the profile.
    pub future: u64,
}

/// Counts of values in classes of equal width.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// Where the first class begins.
    pub from: f64,
    /// How wide each is.
    pub width: f64,
    /// How many values are in each; what is outside counts in the nearest.
    pub counts: Vec<u64>,
}

impl Histogram {
    /// Whether its classes are those of another one.
    pub fn has_classes_of(&self, other: &Self) -> bool {
        self.from == other.from && self.width == other.width && self.counts.len() == other.counts.len()
    }
}

/// A value and how often it occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueCount {
    /// The value as text.
    pub value: String,
    /// How often.
    pub count: u64,
}

/// How two numeric columns go together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Correlation {
    /// The one.
    pub a: String,
    /// The other.
    pub b: String,
    /// Pearson's coefficient.
    pub r: f64,
}

/// What is worth a look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The column; `None`: the relation.
    pub column: Option<String>,
    /// `constant`, `missing`, ...
    pub alert: String,
    /// In words.
    pub message: String,
}
