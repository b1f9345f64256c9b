//! The `pytz` module.

use super::datetime::{Zone, by_name, fixed};
use crate::{Dict, Error, ErrorKind, Set, Value, function};

/// Names that pytz knows but leaves out of its common ones.
const UNCOMMON: &[&str] = &[
    "Africa/Asmera",
    "Africa/Timbuktu",
    "Antarctica/South_Pole",
    "America/Argentina/ComodRivadavia",
    "America/Atka",
    "America/Buenos_Aires",
    "America/Catamarca",
    "America/Coral_Harbour",
    "America/Cordoba",
    "America/Ensenada",
    "America/Fort_Wayne",
    "America/Godthab",
    "America/Indianapolis",
    "America/Jujuy",
    "America/Knox_IN",
    "America/Louisville",
    "America/Mendoza",
    "America/Montreal",
    "America/Nipigon",
    "America/Pangnirtung",
    "America/Porto_Acre",
    "America/Rainy_River",
    "America/Rosario",
    "America/Santa_Isabel",
    "America/Shiprock",
    "America/Thunder_Bay",
    "America/Virgin",
    "America/Yellowknife",
    "Asia/Ashkhabad",
    "Asia/Calcutta",
    "Asia/Choibalsan",
    "Asia/Chongqing",
    "Asia/Chungking",
    "Asia/Dacca",
    "Asia/Harbin",
    "Asia/Istanbul",
    "Asia/Kashgar",
    "Asia/Katmandu",
    "Asia/Macao",
    "Asia/Rangoon",
    "Asia/Saigon",
    "Asia/Tel_Aviv",
    "Asia/Thimbu",
    "Asia/Ujung_Pandang",
    "Asia/Ulan_Bator",
    "Atlantic/Faeroe",
    "Atlantic/Jan_Mayen",
    "Australia/ACT",
    "Australia/Canberra",
    "Australia/Currie",
    "Australia/LHI",
    "Australia/NSW",
    "Australia/North",
    "Australia/Queensland",
    "Australia/South",
    "Australia/Tasmania",
    "Australia/Victoria",
    "Australia/West",
    "Australia/Yancowinna",
    "Europe/Belfast",
    "Europe/Kiev",
    "Europe/Nicosia",
    "Europe/Tiraspol",
    "Europe/Uzhgorod",
    "Europe/Zaporozhye",
    "Pacific/Enderbury",
    "Pacific/Johnston",
    "Pacific/Ponape",
    "Pacific/Samoa",
    "Pacific/Truk",
    "Pacific/Yap",
];

fn is_common(name: &str) -> bool {
    const REGIONS: &[&str] = &[
        "Africa/",
        "America/",
        "Antarctica/",
        "Arctic/",
        "Asia/",
        "Atlantic/",
        "Australia/",
        "Europe/",
        "Indian/",
        "Pacific/",
    ];
    const OTHERS: &[&str] = &[
        "Canada/Atlantic",
        "Canada/Central",
        "Canada/Eastern",
        "Canada/Mountain",
        "Canada/Newfoundland",
        "Canada/Pacific",
        "GMT",
        "US/Alaska",
        "US/Arizona",
        "US/Central",
        "US/Eastern",
        "US/Hawaii",
        "US/Mountain",
        "US/Pacific",
        "UTC",
    ];
    OTHERS.contains(&name) || (REGIONS.iter().any(|r| name.starts_with(r)) && !UNCOMMON.contains(&name))
}

fn names(common: bool) -> Vec<Value> {
    let mut names: Vec<&str> = chrono_tz::TZ_VARIANTS.iter().map(|tz| tz.name()).collect();
    names.sort_unstable();
    names.into_iter().filter(|n| !common || is_common(n)).map(Value::from).collect()
}

fn set(values: Vec<Value>) -> Value {
    Set::of(values).map_or(Value::None, Value::Set)
}

/// The names of the module that templates see.
pub(super) fn module() -> Value {
    let timezone = function("timezone", |_, args| {
        let [zone] = args.bind("timezone", ["zone"])?;
        let zone = zone.unwrap_or(Value::None);
        let name = zone.to_str();
        match by_name(&name) {
            Some(zone) => Ok(Value::object(zone)),
            None => Err(Error::new(ErrorKind::Key, crate::python::text::repr_str(&name))
                .with_hint("name a time zone such as 'Europe/Berlin'")),
        }
    });
    let fixed = function("FixedOffset", |_, args| fixed(args));
    Value::Dict(Dict::of([
        ("timezone", timezone),
        ("utc", Value::object(Zone::Utc)),
        ("UTC", Value::object(Zone::Utc)),
        ("all_timezones", Value::list(names(false))),
        ("all_timezones_set", set(names(false))),
        ("common_timezones", Value::list(names(true))),
        ("common_timezones_set", set(names(true))),
        ("FixedOffset", fixed),
    ]))
}
