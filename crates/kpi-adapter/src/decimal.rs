//! Python's `decimal.Decimal`: what numbers with a fraction are in a query's result.
//!
//! The arithmetic is that of the General Decimal Arithmetic specification with Python's default context: 28 digits,
//! half-even rounding.

use num_bigint::{BigInt, BigUint, Sign};
use num_traits::{ToPrimitive, Zero};
use std::cmp::Ordering;

/// Digits that results of arithmetic keep.
const PRECISION: i64 = 28;

/// The largest exponent of a finite number.
const MAX_EXPONENT: i64 = 999_999;

/// A decimal number of any size.
#[derive(Debug, Clone)]
pub enum Decimal {
    /// `(-1)^negative * digits * 10^exponent`
    Finite {
        /// Below zero (also `-0`).
        negative: bool,
        /// The digits as an integer.
        digits: BigUint,
        /// The power of ten.
        exponent: i64,
    },
    /// `Infinity`, `-Infinity`
    Infinite {
        /// Below zero.
        negative: bool,
    },
    /// `NaN`
    NaN,
}

fn ten_to(power: i64) -> BigUint {
    BigUint::from(10u8).pow(u32::try_from(power.clamp(0, 2 * MAX_EXPONENT)).unwrap_or(0))
}

fn count_digits(number: &BigUint) -> i64 {
    if number.is_zero() { 1 } else { number.to_str_radix(10).len() as i64 }
}

impl Decimal {
    /// A number from its parts.
    pub fn finite(negative: bool, digits: BigUint, exponent: i64) -> Self {
        Self::Finite { negative, digits, exponent }
    }

    /// An integer.
    pub fn from_integer(number: &BigInt) -> Self {
        Self::finite(number.sign() == Sign::Minus, number.magnitude().clone(), 0)
    }

    /// Python's `Decimal(repr(number))`.
    pub fn from_float(number: f64) -> Self {
        if number.is_nan() {
            return Self::NaN;
        }
        if number.is_infinite() {
            return Self::Infinite { negative: number < 0.0 };
        }
        // Only how many digits `repr` shows matters; it always shows a fraction.
        let text = format!("{number:?}");
        Self::parse(&text).unwrap_or(Self::NaN)
    }

    /// The exact value of a float, for comparisons.
    fn exact_float(number: f64) -> Option<Self> {
        if !number.is_finite() {
            return None;
        }
        let bits = number.to_bits();
        let raw_exponent = i64::try_from((bits >> 52) & 0x7ff).ok()?;
        let fraction = bits & ((1 << 52) - 1);
        let (mantissa, exponent) =
            if raw_exponent == 0 { (fraction, -1074) } else { (fraction | (1 << 52), raw_exponent - 1075) };
        let mantissa = BigUint::from(mantissa);
        let power = u32::try_from(exponent.unsigned_abs()).ok()?;
        Some(if exponent >= 0 {
            Self::finite(number < 0.0, mantissa << power, 0)
        } else {
            Self::finite(number < 0.0, mantissa * BigUint::from(5u8).pow(power), exponent)
        })
    }

    /// Python's `Decimal(text)`; `None` if it is no number.
    pub fn parse(text: &str) -> Option<Self> {
        let text: String = text.trim().chars().filter(|c| *c != '_').collect();
        let (negative, body) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(&text)),
        };
        match body.to_ascii_lowercase().as_str() {
            "inf" | "infinity" => return Some(Self::Infinite { negative }),
            "nan" | "snan" => return Some(Self::NaN),
            _ => {}
        }
        let (number, exponent) = match body.find(['e', 'E']) {
            Some(i) => (body.get(..i)?, body.get(i + 1..)?.parse::<i64>().ok()?),
            None => (body, 0),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let exponent = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        if exponent.abs() > 2 * MAX_EXPONENT {
            return None;
        }
        Some(Self::finite(negative, BigUint::parse_bytes(digits.as_bytes(), 10)?, exponent))
    }

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        matches!(self, Self::Finite { digits, .. } if digits.is_zero())
    }

    /// The number of decimal places of the shortest form: 1 for `2.50`.
    pub fn places(&self) -> u64 {
        match self.normalized() {
            Self::Finite { exponent, .. } if exponent < 0 => exponent.unsigned_abs(),
            _ => 0,
        }
    }

    /// Without trailing zeros.
    pub fn normalized(&self) -> Self {
        let Self::Finite { negative, digits, exponent } = self else { return self.clone() };
        if digits.is_zero() {
            return Self::finite(*negative, BigUint::zero(), 0);
        }
        let text = digits.to_str_radix(10);
        let kept = text.trim_end_matches('0');
        let cut = (text.len() - kept.len()) as i64;
        let digits = BigUint::parse_bytes(kept.as_bytes(), 10).unwrap_or_default();
        Self::finite(*negative, digits, exponent + cut)
    }

    /// The integer part, towards zero; `None` for infinities and NaN.
    pub fn to_integer(&self) -> Option<BigInt> {
        let Self::Finite { negative, digits, exponent } = self else { return None };
        let whole = if *exponent >= 0 { digits * ten_to(*exponent) } else { digits / ten_to(-exponent) };
        Some(BigInt::from_biguint(if *negative { Sign::Minus } else { Sign::Plus }, whole))
    }

    /// The nearest float.
    pub fn to_float(&self) -> f64 {
        match self {
            Self::NaN => f64::NAN,
            Self::Infinite { negative } => {
                if *negative {
                    f64::NEG_INFINITY
                } else {
                    f64::INFINITY
                }
            }
            Self::Finite { negative, digits, exponent } => {
                let text = format!("{}{digits}e{exponent}", if *negative { "-" } else { "" });
                text.parse().unwrap_or(f64::NAN)
            }
        }
    }

    /// With the sign turned. Zero becomes positive, as Python's unary minus makes it.
    pub fn negated(&self) -> Self {
        match self {
            Self::Finite { negative, digits, exponent } => {
                Self::finite(!negative && !digits.is_zero(), digits.clone(), *exponent).fixed()
            }
            Self::Infinite { negative } => Self::Infinite { negative: !negative },
            Self::NaN => Self::NaN,
        }
    }

    /// Without the sign.
    pub fn absolute(&self) -> Self {
        match self {
            Self::Finite { digits, exponent, .. } => Self::finite(false, digits.clone(), *exponent).fixed(),
            Self::Infinite { .. } => Self::Infinite { negative: false },
            Self::NaN => Self::NaN,
        }
    }

    /// Rounded half-even to a number of decimal places.
    pub fn rounded(&self, places: i64) -> Self {
        self.quantized(-places.clamp(-MAX_EXPONENT, MAX_EXPONENT))
    }

    /// With the given exponent: padded with zeros or rounded half-even.
    pub fn quantized(&self, exponent: i64) -> Self {
        let Self::Finite { negative, digits, exponent: from } = self else { return self.clone() };
        if *from >= exponent {
            return Self::finite(*negative, digits * ten_to(from - exponent), exponent);
        }
        Self::finite(*negative, round_off(digits, exponent - from), exponent)
    }

    /// Rounded to the context's precision.
    fn fixed(self) -> Self {
        let Self::Finite { negative, digits, exponent } = self else { return self };
        let extra = count_digits(&digits) - PRECISION;
        if extra <= 0 {
            return Self::finite(negative, digits, exponent);
        }
        let rounded = round_off(&digits, extra);
        if count_digits(&rounded) > PRECISION {
            return Self::finite(negative, rounded / 10u8, exponent + extra + 1);
        }
        Self::finite(negative, rounded, exponent + extra)
    }

    /// `self + other`
    pub fn plus(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::NaN, _) | (_, Self::NaN) => Self::NaN,
            (Self::Infinite { negative: a }, Self::Infinite { negative: b }) if a != b => Self::NaN,
            (infinite @ Self::Infinite { .. }, _) | (_, infinite @ Self::Infinite { .. }) => infinite.clone(),
            (
                Self::Finite { negative: na, digits: da, exponent: ea },
                Self::Finite { negative: nb, digits: db, exponent: eb },
            ) => {
                let (a, b) = align((da, *ea), (db, *eb));
                let exponent = a.1.min(b.1);
                let signed = |negative: &bool, digits: BigUint| {
                    BigInt::from_biguint(if *negative { Sign::Minus } else { Sign::Plus }, digits)
                };
                let sum = signed(na, a.0) + signed(nb, b.0);
                let negative = if sum.is_zero() { *na && *nb } else { sum.sign() == Sign::Minus };
                Self::finite(negative, sum.magnitude().clone(), exponent).fixed()
            }
        }
    }

    /// `self - other`
    pub fn minus(&self, other: &Self) -> Self {
        let turned = match other {
            Self::Finite { negative, digits, exponent } => Self::finite(!negative, digits.clone(), *exponent),
            other => other.negated(),
        };
        let mut difference = self.plus(&turned);
        if difference.is_zero()
            && let Self::Finite { negative, .. } = &mut difference
        {
            *negative = false;
        }
        difference
    }

    pub(crate) fn is_negative(&self) -> bool {
        matches!(self, Self::Finite { negative: true, .. } | Self::Infinite { negative: true })
    }

    /// `self * other`
    pub fn times(&self, other: &Self) -> Self {
        let negative = self.is_negative() != other.is_negative();
        match (self, other) {
            (Self::NaN, _) | (_, Self::NaN) => Self::NaN,
            (
                Self::Finite { digits: da, exponent: ea, .. },
                Self::Finite { digits: db, exponent: eb, .. },
            ) => Self::finite(negative, da * db, ea + eb).fixed(),
            (a, b) if a.is_zero() || b.is_zero() => Self::NaN,
            _ => Self::Infinite { negative },
        }
    }

    /// `self / other`; `None` if the other is zero.
    pub fn divided_by(&self, other: &Self) -> Option<Self> {
        let negative = self.is_negative() != other.is_negative();
        Some(match (self, other) {
            (Self::NaN, _) | (_, Self::NaN) | (Self::Infinite { .. }, Self::Infinite { .. }) => Self::NaN,
            (Self::Infinite { .. }, _) => Self::Infinite { negative },
            (_, Self::Infinite { .. }) => Self::finite(negative, BigUint::zero(), 0),
            (
                Self::Finite { digits: da, exponent: ea, .. },
                Self::Finite { digits: db, exponent: eb, .. },
            ) => {
                if db.is_zero() {
                    return None;
                }
                let ideal = ea - eb;
                if da.is_zero() {
                    return Some(Self::finite(negative, BigUint::zero(), ideal));
                }
                let shift = count_digits(db) - count_digits(da) + PRECISION + 1;
                let mut exponent = ideal - shift;
                let (numerator, denominator) = if shift >= 0 {
                    (da * ten_to(shift), db.clone())
                } else {
                    (da.clone(), db * ten_to(-shift))
                };
                let mut quotient = &numerator / &denominator;
                if &quotient * &denominator != numerator {
                    // A sticky digit, so that rounding sees that something follows.
                    if (&quotient % 5u8).is_zero() {
                        quotient += 1u8;
                    }
                } else {
                    while exponent < ideal && (&quotient % 10u8).is_zero() {
                        quotient /= 10u8;
                        exponent += 1;
                    }
                }
                Self::finite(negative, quotient, exponent).fixed()
            }
        })
    }

    /// `self // other` and `self % other`, towards zero; `None` if the other is zero or the quotient has too many
    /// digits.
    pub fn divided_whole(&self, other: &Self) -> Option<(Self, Self)> {
        let negative = self.is_negative() != other.is_negative();
        match (self, other) {
            (
                Self::Finite { negative: na, digits: da, exponent: ea },
                Self::Finite { digits: db, exponent: eb, .. },
            ) => {
                let gap = count_digits(da) + ea - count_digits(db) - eb;
                if db.is_zero() || gap > PRECISION {
                    return None;
                }
                let ideal = *ea.min(eb);
                if gap < -PRECISION {
                    return Some((Self::finite(negative, BigUint::zero(), 0), self.clone().fixed()));
                }
                let (a, b) = (da * ten_to(ea - ideal), db * ten_to(eb - ideal));
                let quotient = Self::finite(negative, &a / &b, 0);
                Some((quotient, Self::finite(*na, a % b, ideal).fixed()))
            }
            (Self::Finite { .. }, Self::Infinite { .. }) => {
                Some((Self::finite(negative, BigUint::zero(), 0), self.clone()))
            }
            _ => Some((Self::NaN, Self::NaN)),
        }
    }

    /// `self ** other` for whole exponents; other ones go through floats.
    pub fn to_power(&self, other: &Self) -> Option<Self> {
        let whole =
            other.to_integer().filter(|i| other.order(&Self::from_integer(i)) == Some(Ordering::Equal));
        let Some(power) = whole.and_then(|i| i.to_i64()).filter(|p| p.abs() <= 100_000) else {
            let power = self.to_float().powf(other.to_float());
            return Some(Self::from_float(power));
        };
        let mut result = Self::finite(false, BigUint::from(1u8), 0);
        let mut square = self.clone();
        let mut rest = power.unsigned_abs();
        while rest > 0 {
            if rest & 1 == 1 {
                result = result.times(&square);
            }
            rest >>= 1;
            if rest > 0 {
                square = square.times(&square);
            }
            if matches!(&result, Self::Finite { exponent, .. } if exponent.abs() > 2 * MAX_EXPONENT) {
                return None;
            }
        }
        if power < 0 { Self::finite(false, BigUint::from(1u8), 0).divided_by(&result) } else { Some(result) }
    }

    /// The order of two numbers; `None` if one is NaN.
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        let rank = |d: &Self| match d {
            Self::Infinite { negative: true } => -2,
            Self::Infinite { negative: false } => 2,
            d if d.is_zero() => 0,
            d => {
                if d.is_negative() {
                    -1
                } else {
                    1
                }
            }
        };
        if matches!(self, Self::NaN) || matches!(other, Self::NaN) {
            return None;
        }
        let ranks = rank(self).cmp(&rank(other));
        let (
            Self::Finite { negative, digits: da, exponent: ea },
            Self::Finite { digits: db, exponent: eb, .. },
            Ordering::Equal,
        ) = (self, other, ranks)
        else {
            return Some(ranks);
        };
        if self.is_zero() {
            return Some(Ordering::Equal);
        }
        // The magnitudes decide, unless the leading digits stand at the same power of ten.
        let magnitude = (count_digits(da) + ea).cmp(&(count_digits(db) + eb)).then_with(|| {
            let lowest = *ea.min(eb);
            (da * ten_to(ea - lowest)).cmp(&(db * ten_to(eb - lowest)))
        });
        Some(if *negative { magnitude.reverse() } else { magnitude })
    }

    /// The order beside a float.
    pub fn order_float(&self, other: f64) -> Option<Ordering> {
        if other.is_infinite() {
            return self.order(&Self::Infinite { negative: other < 0.0 });
        }
        self.order(&Self::exact_float(other)?)
    }
}

/// Brings two numbers to a common exponent. The far smaller one is replaced by a digit beyond the precision, so that
/// `1E+999 + 1` does not fill the memory.
fn align(a: (&BigUint, i64), b: (&BigUint, i64)) -> ((BigUint, i64), (BigUint, i64)) {
    let swapped = a.1 < b.1;
    let (high, low) = if swapped { (b, a) } else { (a, b) };
    let (mut low_digits, mut low_exponent) = (low.0.clone(), low.1);
    let floor = high.1 + (-1).min(count_digits(high.0) - PRECISION - 2);
    if !high.0.is_zero() && !low.0.is_zero() && count_digits(low.0) + low.1 - 1 < floor {
        low_digits = BigUint::from(1u8);
        low_exponent = floor;
    }
    let high_digits = high.0 * ten_to(high.1 - low_exponent);
    let (high, low) = ((high_digits, low_exponent), (low_digits, low_exponent));
    if swapped { (low, high) } else { (high, low) }
}

/// Drops the last `places` digits, half-even.
fn round_off(digits: &BigUint, places: i64) -> BigUint {
    if places > count_digits(digits) + 1 {
        return BigUint::zero();
    }
    let unit = ten_to(places);
    let (quotient, rest) = (digits / &unit, digits % &unit);
    match (rest * 2u8).cmp(&unit) {
        Ordering::Less => quotient,
        Ordering::Greater => quotient + 1u8,
        Ordering::Equal => &quotient + (&quotient % 2u8),
    }
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (negative, digits, exponent) = match self {
            Self::NaN => return f.write_str("NaN"),
            Self::Infinite { negative } => {
                return f.write_str(if *negative { "-Infinity" } else { "Infinity" });
            }
            Self::Finite { negative, digits, exponent } => (*negative, digits.to_str_radix(10), *exponent),
        };
        if negative {
            f.write_str("-")?;
        }
        let length = digits.len() as i64;
        let left = exponent + length;
        // Scientific notation for what would need many zeros.
        let point = if exponent <= 0 && left > -6 { left } else { 1 };
        if point <= 0 {
            write!(f, "0.{}{digits}", "0".repeat(usize::try_from(-point).unwrap_or(0)))?;
        } else if point >= length {
            write!(f, "{digits}{}", "0".repeat(usize::try_from(point - length).unwrap_or(0)))?;
        } else {
            let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or(0));
            write!(f, "{whole}.{fraction}")?;
        }
        if left != point { write!(f, "E{:+}", left - point) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        Decimal::parse(text).expect("a number")
    }

    // Each expectation is what CPython's decimal prints.
    #[test]
    fn prints_as_python() {
        for text in [
            "1",
            "2.50",
            "0.000001",
            "1E-7",
            "-0",
            "1E+10",
            "123456789012345678901234567890.5",
            "-1.5",
            "0.0",
        ] {
            assert_eq!(d(text).to_string(), text);
        }
        assert_eq!(Decimal::from_float(1.0).to_string(), "1.0");
        assert_eq!(Decimal::from_float(1e10).to_string(), "10000000000.0");
        assert_eq!(Decimal::from_float(0.1).to_string(), "0.1");
        assert_eq!(d("12E2").to_string(), "1.2E+3");
        assert!(
            Decimal::parse("abc").is_none() && Decimal::parse("").is_none() && Decimal::parse(".").is_none()
        );
    }

    #[test]
    fn computes_with_28_digits() {
        assert_eq!(
            d("1").divided_by(&d("3")).map(|q| q.to_string()).as_deref(),
            Some("0.3333333333333333333333333333")
        );
        assert_eq!(
            d("2").divided_by(&d("3")).map(|q| q.to_string()).as_deref(),
            Some("0.6666666666666666666666666667")
        );
        assert_eq!(d("10").divided_by(&d("4")).map(|q| q.to_string()).as_deref(), Some("2.5"));
        assert!(d("1").divided_by(&d("0")).is_none());
        assert_eq!(d("1.10").plus(&d("2.20")).to_string(), "3.30");
        assert_eq!(d("1.1").times(&d("1.1")).to_string(), "1.21");
        assert_eq!(d("1E+500000").plus(&d("1")).to_string(), "1.000000000000000000000000000E+500000");
        assert_eq!(d("5").minus(&d("5.00")).to_string(), "0.00");
        let whole = d("-7").divided_whole(&d("2")).map(|(q, r)| format!("{q} {r}"));
        assert_eq!(whole.as_deref(), Some("-3 -1"));
        assert_eq!(d("2").to_power(&d("10")).map(|p| p.to_string()).as_deref(), Some("1024"));
        assert_eq!(d("2.5").rounded(0).to_string(), "2");
        assert_eq!(d("2.675").rounded(2).to_string(), "2.68");
    }

    #[test]
    fn compares_exactly() {
        assert_eq!(d("1.0").order(&d("1")), Some(Ordering::Equal));
        assert_eq!(d("0.1").order_float(0.1), Some(Ordering::Less));
        assert_eq!(d("0.5").order_float(0.5), Some(Ordering::Equal));
        assert_eq!(d("-2").order(&d("1")), Some(Ordering::Less));
        assert_eq!(d("1E+900000").order(&d("1E-900000")), Some(Ordering::Greater));
        assert_eq!(Decimal::NaN.order(&d("1")), None);
    }
}
