//! Versions and their ranges, as `require-dbt-version` and `packages.yml` write them: `>=1.0.0`, `<2.0.0`, `1.11.16`.
//!
//! The order has dbt's peculiarities, since they decide what is installed: a plain upper bound `<2.0.0` keeps prereleases
//! of 2.0.0 out, and build metadata count for nothing.

use std::cmp::Ordering;

/// The version of dbt-core whose behaviour kpi has.
pub const EMULATED_DBT_VERSION: &str = "1.11.16";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Matcher {
    Exact,
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// One bound on a version; without a sign, that very version.
///
/// # Examples
///
/// ```
/// use kpi_project::{VersionBound, VersionRange};
///
/// let bound = |text| VersionBound::parse(text).ok_or("no version");
/// let range = VersionRange::of(&[bound(">=1.0.0")?, bound("<2.0.0")?]).ok_or("empty")?;
/// assert!(range.admits(&bound("1.4.2")?));
/// assert!(!range.admits(&bound("2.0.0-rc1")?));
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionBound {
    matcher: Matcher,
    numbers: [u64; 3],
    prerelease: Option<String>,
    build: Option<String>,
}

impl VersionBound {
    /// Reads a bound; `None` for what is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (matcher, rest) = [
            (">=", Matcher::AtLeast),
            ("<=", Matcher::AtMost),
            (">", Matcher::Above),
            ("<", Matcher::Below),
            ("=", Matcher::Exact),
        ]
        .into_iter()
        .find_map(|(sign, matcher)| Some((matcher, text.strip_prefix(sign)?)))
        .unwrap_or((Matcher::Exact, text));
        let part = |s: &str| !s.is_empty() && s.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let word = |s: &str| s.split('.').all(part);
        let (rest, build) = match rest.split_once('+') {
            Some((rest, build)) if word(build) => (rest, Some(build.to_owned())),
            Some(_) => return None,
            None => (rest, None),
        };
        let number = |s: &str| -> Option<u64> {
            (s == "0" || !s.starts_with('0') && s.bytes().all(|b| b.is_ascii_digit()))
                .then(|| s.parse().ok())?
        };
        let (major, rest) = rest.split_once('.')?;
        let (minor, rest) = rest.split_once('.')?;
        let patch_end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (patch, rest) = rest.split_at_checked(patch_end)?;
        let prerelease = match rest.strip_prefix('-').unwrap_or(rest) {
            "" if rest.is_empty() => None,
            tag if word(tag) => Some(tag.to_owned()),
            _ => return None,
        };
        Some(Self { matcher, numbers: [number(major)?, number(minor)?, number(patch)?], prerelease, build })
    }

    /// With its sign: `>=1.0.0`, `=1.0.0`.
    pub fn shown(&self) -> String {
        let sign = match self.matcher {
            Matcher::Exact => "=",
            Matcher::Above => ">",
            Matcher::AtLeast => ">=",
            Matcher::Below => "<",
            Matcher::AtMost => "<=",
        };
        let [major, minor, patch] = self.numbers;
        let prerelease = self.prerelease.as_ref().map(|p| format!("-{p}")).unwrap_or_default();
        let build = self.build.as_ref().map(|b| format!("+{b}")).unwrap_or_default();
        format!("{sign}{major}.{minor}.{patch}{prerelease}{build}")
    }

    /// Whether it names a version before a release, such as `1.0.0-rc1`.
    pub fn is_prerelease(&self) -> bool {
        self.prerelease.is_some()
    }

    fn is_exact(&self) -> bool {
        self.matcher == Matcher::Exact
    }

    fn is_lower(&self) -> bool {
        matches!(self.matcher, Matcher::Above | Matcher::AtLeast)
    }

    fn is_upper(&self) -> bool {
        matches!(self.matcher, Matcher::Below | Matcher::AtMost)
    }

    /// Whether the version `text` is within the bound.
    pub(crate) fn admits_text(&self, text: &str) -> bool {
        Self::parse(text).is_some_and(|version| compatible(&[version, self.clone()]))
    }

    /// The order of two versions, and of two bounds on the same version: `>1` lies above `>=1`.
    pub fn order(&self, other: &Self) -> Ordering {
        let by_number = self.numbers.cmp(&other.numbers);
        if by_number != Ordering::Equal {
            return by_number;
        }
        match (&self.prerelease, &other.prerelease) {
            (None, None) => {}
            (None, Some(_)) if self.matcher == Matcher::Below => return Ordering::Less,
            (None, Some(_)) => return Ordering::Greater,
            (Some(_), None) => return Ordering::Less,
            (Some(a), Some(b)) => match order_of_tags(a, b) {
                Ordering::Equal => {}
                order => return order,
            },
        }
        match (self.matcher, other.matcher) {
            (Matcher::AtLeast, Matcher::AtMost) | (Matcher::AtMost, Matcher::AtLeast) => Ordering::Equal,
            (Matcher::Below, Matcher::AtMost) | (Matcher::AtLeast, Matcher::Above) => Ordering::Less,
            (Matcher::AtMost, Matcher::Below) | (Matcher::Above, Matcher::AtLeast) => Ordering::Greater,
            _ if self.is_upper() && other.is_lower() => Ordering::Less,
            _ if self.is_lower() && other.is_upper() => Ordering::Greater,
            _ => Ordering::Equal,
        }
    }
}

/// `a.2` comes before `a.10`; numbers come before words.
fn order_of_tags(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => {
                let order = match (x.parse::<u64>(), y.parse::<u64>()) {
                    (Ok(x), Ok(y)) => x.cmp(&y),
                    (Ok(_), Err(_)) => Ordering::Less,
                    (Err(_), Ok(_)) => Ordering::Greater,
                    (Err(_), Err(_)) => x.cmp(y),
                };
                if order != Ordering::Equal {
                    return order;
                }
            }
        }
    }
}

/// What several bounds leave: from a lowest to a highest version, either of them open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VersionRange {
    low: Option<VersionBound>,
    high: Option<VersionBound>,
}

impl VersionRange {
    /// What all the bounds leave together; `None` when they contradict each other.
    pub fn of(bounds: &[VersionBound]) -> Option<Self> {
        let Some((last, rest)) = bounds.split_last() else { return Some(Self::default()) };
        rest.iter().try_fold(Self::of_one(last), |range, bound| range.narrowed(&Self::of_one(bound)))
    }

    fn of_one(bound: &VersionBound) -> Self {
        Self {
            low: (!bound.is_upper()).then(|| bound.clone()),
            high: (!bound.is_lower()).then(|| bound.clone()),
        }
    }

    fn narrowed(&self, other: &Self) -> Option<Self> {
        let exact = |bound: &Option<VersionBound>| bound.clone().filter(VersionBound::is_exact);
        if let (Some(a), Some(b)) = (exact(&self.low), exact(&other.low)) {
            return (a.order(&b) == Ordering::Equal).then(|| Self { low: Some(a.clone()), high: Some(a) });
        }
        let low = tighter(self.low.as_ref(), other.low.as_ref(), Ordering::Less, Matcher::AtLeast)?;
        let high = tighter(self.high.as_ref(), other.high.as_ref(), Ordering::Greater, Matcher::AtMost)?;
        match (&low, &high) {
            (Some(a), Some(b)) if a.order(b) == Ordering::Greater => None,
            _ => Some(Self { low, high }),
        }
    }

    /// Whether a version lies within.
    pub fn admits(&self, version: &VersionBound) -> bool {
        let bounds: Vec<VersionBound> =
            [Some(version), self.low.as_ref(), self.high.as_ref()].into_iter().flatten().cloned().collect();
        compatible(&bounds)
    }

    /// `>=1.0.0, <2.0.0`
    pub fn shown(&self) -> String {
        match (&self.low, &self.high) {
            (None, None) => "ANY".to_owned(),
            (Some(bound), None) | (None, Some(bound)) => bound.shown(),
            (Some(low), Some(high)) if low == high => low.shown(),
            (Some(low), Some(high)) => format!("{}, {}", low.shown(), high.shown()),
        }
    }
}

/// The tighter of two bounds of the same side; the outer `None` means that nothing lies within both. `outer` is how the
/// looser one stands to the tighter one, `closed` the sign of a bound that holds its own version.
fn tighter(
    a: Option<&VersionBound>,
    b: Option<&VersionBound>,
    outer: Ordering,
    closed: Matcher,
) -> Option<Option<VersionBound>> {
    let (a, b) = match (a, b) {
        (None, other) | (other, None) => return Some(other.cloned()),
        (Some(a), Some(b)) => (a, b),
    };
    let (bound, exact) = match (a.is_exact(), b.is_exact()) {
        (false, false) => return Some(Some(if a.order(b) == outer { b } else { a }.clone())),
        (true, _) => (b, a),
        (false, true) => (a, b),
    };
    let order = bound.order(exact);
    (order == outer || (order == Ordering::Equal && bound.matcher == closed)).then(|| Some(exact.clone()))
}

/// Whether any version at all is within all bounds.
pub(crate) fn compatible(bounds: &[VersionBound]) -> bool {
    bounds.len() == 1 || VersionRange::of(bounds).is_some()
}

/// Whether the version whose behaviour kpi has is within all bounds.
pub(crate) fn admits_ours(bounds: &[VersionBound]) -> bool {
    VersionBound::parse(EMULATED_DBT_VERSION).is_some_and(|ours| {
        let all: Vec<VersionBound> = std::iter::once(ours).chain(bounds.iter().cloned()).collect();
        compatible(&all)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(texts: &[&str]) -> Vec<VersionBound> {
        texts.iter().map(|t| VersionBound::parse(t).unwrap()).collect()
    }

    #[test]
    fn ranges_admit_what_dbt_admits() {
        assert!(admits_ours(&all(&[">=1.0.0", "<2.0.0"])));
        assert!(admits_ours(&all(&["1.11.16"])));
        assert!(!admits_ours(&all(&[">1.11.16"])));
        assert!(!admits_ours(&all(&["<=1.11.9"])));
        assert!(admits_ours(&all(&[">=1.11.16-rc1"])));
    }

    #[test]
    fn contradictions_are_seen() {
        assert!(!compatible(&all(&[">2.0.0", "<1.0.0"])));
        assert!(!compatible(&all(&[">1.0.0", "<=1.0.0"])));
        assert!(compatible(&all(&[">=1.0.0", "<=1.0.0"])));
    }

    #[test]
    fn ranges_narrow_as_in_dbt() {
        for (bounds, shown) in [
            (&[] as &[&str], Some("ANY")),
            (&["1.0.0"], Some("=1.0.0")),
            (&[">=1.0.0", "<2.0.0", "<1.5.0"], Some(">=1.0.0, <1.5.0")),
            (&[">=1.0.0", ">1.0.0"], Some(">1.0.0")),
            (&["<=1.0.0", "<1.0.0"], Some("<1.0.0")),
            (&["1.1.0", ">=1.0.0", "<1.1.0"], None),
            (&["1.0.0", ">=1.0.0"], Some("=1.0.0")),
            (&["1.0.0", ">1.0.0"], None),
            (&["1.0.0", "1.0.1"], None),
            (&["1.0.0+a", "1.0.0+b"], Some("=1.0.0+b")),
        ] {
            let range = VersionRange::of(&all(bounds)).map(|range| range.shown());
            assert_eq!(range.as_deref(), shown, "{bounds:?}");
        }
    }

    #[test]
    fn an_upper_bound_keeps_prereleases_of_its_version_out() {
        let admits = |bounds: &[&str], version: &str| {
            VersionRange::of(&all(bounds)).unwrap().admits(&VersionBound::parse(version).unwrap())
        };
        assert!(!admits(&["<1.2.0"], "1.2.0-rc1"));
        assert!(admits(&["<=1.2.0"], "1.2.0-rc1"));
        assert!(admits(&["<1.2.0-rc2"], "1.2.0-rc1"));
        assert!(!admits(&[">=1.2.0"], "1.2.0-rc1"));
        assert!(admits(&[">1.1.0"], "1.2.0-rc1"));
    }

    #[test]
    fn versions_need_three_numbers() {
        for text in ["1.0", "1.2.3.4", ">=1", "abc", "01.0.0", ">=1.0.0 ", ""] {
            assert!(VersionBound::parse(text).is_none(), "{text:?}");
        }
        assert_eq!(VersionBound::parse("1.2.3-rc.1+b7").unwrap().shown(), "=1.2.3-rc.1+b7");
    }
}
