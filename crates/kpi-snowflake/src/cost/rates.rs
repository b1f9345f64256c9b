//! Credits per hour of a warehouse, by size and kind.
//!
//! Sizes and the rates of standard and Snowpark-optimized warehouses: Snowflake's documentation, "Understanding compute
//! cost". Second generation: the service consumption table, 1.35 times the first on AWS and Google Cloud, 1.25 on Azure.

use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Rates that the target's settings give instead of the published ones.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct CreditsPerHour {
    of_all: Option<f64>,
    /// By name in upper case.
    by_name: BTreeMap<String, f64>,
}

impl CreditsPerHour {
    /// `credits_per_hour` of the target: a number, or a mapping of warehouses to numbers. `None`: it is neither.
    pub fn read(value: Option<&Json>) -> Option<Self> {
        let rate = |value: &Json| {
            let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
            (number.is_finite() && number >= 0.0).then_some(number)
        };
        match value {
            None | Some(Json::Null) => Some(Self::default()),
            Some(Json::Object(map)) => {
                let by_name = map.iter().map(|(name, value)| Some((name.to_uppercase(), rate(value)?)));
                Some(Self { of_all: None, by_name: by_name.collect::<Option<_>>()? })
            }
            Some(value) => Some(Self { of_all: Some(rate(value)?), ..Self::default() }),
        }
    }

    /// The rate of a warehouse, where it was set.
    pub fn of(&self, warehouse: &str) -> Option<f64> {
        self.by_name.get(&warehouse.to_uppercase()).copied().or(self.of_all)
    }
}

/// What `show warehouses` says of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Warehouse {
    /// `STANDARD`, `SNOWPARK-OPTIMIZED`, ...
    pub kind: String,
    /// `STANDARD_GEN_2`, `MEMORY_16X`, ...; empty where the service does not say.
    pub constraint: String,
    /// `AWS_EU_CENTRAL_1`; asked for only where the rate depends on it.
    pub region: Option<String>,
}

impl Warehouse {
    /// Whether it is of the second generation.
    pub fn is_second_generation(&self) -> bool {
        self.constraint.ends_with("GEN_2")
    }

    /// Its kind in a word: the constraint where that decides over the rate.
    pub fn word(&self) -> &str {
        match self.constraint.as_str() {
            "" | "STANDARD_GEN_1" => match self.kind.as_str() {
                "" => "STANDARD",
                kind => kind,
            },
            constraint => constraint,
        }
    }
}

/// The size as a power of two: X-Small is 0.
fn power(size: &str) -> Option<i32> {
    let word: String = size.chars().filter(char::is_ascii_alphanumeric).collect();
    Some(match word.to_ascii_uppercase().as_str() {
        "XSMALL" => 0,
        "SMALL" => 1,
        "MEDIUM" => 2,
        "LARGE" => 3,
        "XLARGE" => 4,
        "2XLARGE" | "XXLARGE" | "X2LARGE" => 5,
        "3XLARGE" | "XXXLARGE" | "X3LARGE" => 6,
        "4XLARGE" | "X4LARGE" => 7,
        "5XLARGE" | "X5LARGE" => 8,
        "6XLARGE" | "X6LARGE" => 9,
        _ => return None,
    })
}

/// Credits of one cluster in an hour; `None`: no rate is published for what this warehouse is.
pub(crate) fn credits_per_hour(size: &str, warehouse: &Warehouse) -> Option<f64> {
    let standard = 2f64.powi(power(size)?);
    let kind = warehouse.kind.to_ascii_uppercase();
    match kind.as_str() {
        "" | "STANDARD" if warehouse.is_second_generation() => {
            let azure = warehouse.region.as_deref()?.to_ascii_uppercase().starts_with("AZURE");
            Some(standard * if azure { 1.25 } else { 1.35 })
        }
        "" | "STANDARD" => Some(standard),
        "SNOWPARK-OPTIMIZED" if matches!(warehouse.constraint.as_str(), "" | "MEMORY_16X") => {
            // There are none smaller than Medium.
            (standard >= 4.0).then_some(standard * 1.5)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_costs_twice_the_one_before() {
        let sizes = "X-Small Small Medium Large X-Large 2X-Large 3X-Large 4X-Large 5X-Large 6X-Large";
        let rates: Vec<f64> =
            sizes.split(' ').filter_map(|size| credits_per_hour(size, &Warehouse::default())).collect();
        assert_eq!(rates, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0]);
        assert_eq!(credits_per_hour("XSMALL", &Warehouse::default()), Some(1.0));
        assert_eq!(credits_per_hour("XXLARGE", &Warehouse::default()), Some(32.0));
        assert_eq!(credits_per_hour("Adaptive", &Warehouse::default()), None);
    }

    #[test]
    fn other_kinds_cost_more() {
        let of = |kind: &str, constraint: &str, region: Option<&str>| Warehouse {
            kind: kind.into(),
            constraint: constraint.into(),
            region: region.map(str::to_owned),
        };
        let gen_2 = |region| of("STANDARD", "STANDARD_GEN_2", region);
        assert_eq!(credits_per_hour("Medium", &gen_2(Some("AWS_EU_CENTRAL_1"))), Some(5.4));
        assert_eq!(credits_per_hour("Medium", &gen_2(Some("AZURE_WESTEUROPE"))), Some(5.0));
        assert_eq!(credits_per_hour("Medium", &gen_2(None)), None);
        assert_eq!(credits_per_hour("Medium", &of("SNOWPARK-OPTIMIZED", "MEMORY_16X", None)), Some(6.0));
        assert_eq!(credits_per_hour("Large", &of("SNOWPARK-OPTIMIZED", "", None)), Some(12.0));
        assert_eq!(credits_per_hour("Large", &of("SNOWPARK-OPTIMIZED", "MEMORY_64X", None)), None);
        assert_eq!(of("STANDARD", "STANDARD_GEN_1", None).word(), "STANDARD");
        assert_eq!(gen_2(None).word(), "STANDARD_GEN_2");
    }
}
