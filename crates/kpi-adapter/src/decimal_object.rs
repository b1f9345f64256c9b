//! Decimals in templates.

use crate::Decimal;
use crate::arguments::Method;
use kpi_jinja::python::named_tuple::NamedTuple;
use kpi_jinja::{Args, BinaryOp, Error, ErrorKind, Interp, Object, Result, Value};
use num_bigint::BigInt;
use num_traits::{ToPrimitive, Zero};
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

const METHODS: &[&str] = &[
    "quantize",
    "normalize",
    "to_integral_value",
    "to_integral",
    "is_nan",
    "is_zero",
    "is_signed",
    "is_finite",
    "is_infinite",
    "copy_abs",
    "copy_negate",
    "conjugate",
    "as_tuple",
    "as_integer_ratio",
    "canonical",
    "copy_sign",
    "is_canonical",
    "is_normal",
    "is_qnan",
    "is_snan",
    "is_subnormal",
    "logb",
    "max",
    "min",
    "number_class",
    "radix",
    "same_quantum",
    "scaleb",
    "to_eng_string",
    "to_integral_exact",
    "adjusted",
    "sqrt",
    "compare",
    "__int__",
    "__float__",
    "__round__",
    "__neg__",
    "__pos__",
    "__abs__",
];

impl Decimal {
    /// As a value of templates.
    pub fn into_value(self) -> Value {
        Value::object(self)
    }

    /// The number that an integer or decimal value is.
    pub fn from_value(value: &Value) -> Option<Self> {
        if let Some(decimal) = value.downcast_ref::<Decimal>() {
            return Some(decimal.clone());
        }
        value.as_bigint().map(|i| Self::from_integer(&i))
    }

    /// The exponent of the first digit.
    fn adjusted(&self) -> i64 {
        match self {
            Self::Finite { digits, exponent, .. } => digits.to_str_radix(10).len() as i64 - 1 + exponent,
            _ => 0,
        }
    }

    /// `DecimalTuple(sign=0, digits=(1, 5), exponent=-1)`
    fn as_tuple(&self) -> Value {
        let (digits, exponent) = match self {
            Self::Finite { digits, exponent, .. } => {
                let digits = digits.to_str_radix(10);
                let digits = digits.bytes().map(|digit| Value::Int(i64::from(digit - b'0')));
                (digits.collect(), Value::Int(*exponent))
            }
            Self::Infinite { .. } => (vec![Value::Int(0)], Value::from("F")),
            Self::NaN => (Vec::new(), Value::from("n")),
        };
        let items = vec![Value::Int(i64::from(self.is_negative())), Value::tuple(digits), exponent];
        NamedTuple::named("DecimalTuple", &["sign", "digits", "exponent"], items)
    }

    /// As a fraction in lowest terms.
    fn ratio(&self) -> Option<[BigInt; 2]> {
        let Self::Finite { digits, exponent, .. } = self.normalized() else { return None };
        let ten = |power: u64| BigInt::from(10).pow(u32::try_from(power).unwrap_or(u32::MAX));
        let sign = if self.is_negative() { -1 } else { 1 };
        let (mut above, mut below) = (BigInt::from(digits) * sign, BigInt::from(1));
        if exponent >= 0 {
            above *= ten(exponent.unsigned_abs());
        } else {
            below = ten(exponent.unsigned_abs());
        }
        for prime in [BigInt::from(2), BigInt::from(5)] {
            let divides = |number: &BigInt| !number.is_zero() && Zero::is_zero(&(number % &prime));
            while divides(&above) && divides(&below) {
                above /= &prime;
                below /= &prime;
            }
        }
        Some([above, below])
    }

    /// `number_class()`
    fn class(&self) -> &'static str {
        match (self, self.is_negative()) {
            (Self::NaN, _) => "NaN",
            (Self::Infinite { .. }, true) => "-Infinity",
            (Self::Infinite { .. }, false) => "+Infinity",
            (_, true) if self.is_zero() => "-Zero",
            (_, false) if self.is_zero() => "+Zero",
            (_, true) => "-Normal",
            (_, false) => "+Normal",
        }
    }

    fn order_value(&self, other: &Value) -> Option<Ordering> {
        match other {
            Value::Float(f) => self.order_float(*f),
            other => self.order(&Self::from_value(other)?),
        }
    }
}

fn division_by_zero(zero: bool) -> Error {
    let kind = if zero { ErrorKind::ZeroDivision } else { ErrorKind::Value };
    Error::new(
        kind,
        if zero { "[<class 'decimal.DivisionByZero'>]" } else { "[<class 'decimal.DivisionImpossible'>]" },
    )
}

impl Object for Decimal {
    fn type_name(&self) -> &str {
        "Decimal"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        match name {
            "real" => return Ok(Some(Value::Object(self))),
            "imag" => return Ok(Some(Decimal::from_integer(&0.into()).into_value())),
            _ => {}
        }
        Ok(METHODS.iter().find(|m| **m == name).map(|m| Method::of(self, m)))
    }

    fn call_method(self: Arc<Self>, _: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        let decimal = |d: Decimal| Ok(Some(d.into_value()));
        let truth = |b: bool| Ok(Some(Value::Bool(b)));
        let overflow = || Error::new(ErrorKind::Overflow, "cannot convert Infinity or NaN to integer");
        match name {
            "quantize" => {
                let [unit, _rounding] = args.bind(name, ["exp", "rounding?"])?;
                let exponent = match unit.as_ref().and_then(Decimal::from_value) {
                    Some(Decimal::Finite { exponent, .. }) => exponent,
                    _ => return Err(Error::type_error("quantize() expects a Decimal")),
                };
                decimal(self.quantized(exponent))
            }
            "normalize" => decimal(self.normalized()),
            "as_tuple" => Ok(Some(self.as_tuple())),
            "as_integer_ratio" => {
                let ratio = self
                    .ratio()
                    .ok_or_else(|| Error::value_error("cannot convert Infinity or NaN to integer ratio"))?;
                Ok(Some(Value::tuple(ratio.map(Value::integer))))
            }
            "canonical" => decimal((*self).clone()),
            "copy_sign" => {
                let [other] = args.bind(name, ["other"])?;
                let negative = other.as_ref().and_then(Decimal::from_value).is_some_and(|o| o.is_negative());
                decimal(if negative == self.is_negative() { (*self).clone() } else { self.negated() })
            }
            "is_canonical" => truth(true),
            "is_normal" => truth(matches!(&*self, Decimal::Finite { .. }) && !self.is_zero()),
            "is_qnan" => truth(matches!(&*self, Decimal::NaN)),
            "is_snan" | "is_subnormal" => truth(false),
            "logb" => decimal(Decimal::from_integer(&self.adjusted().into())),
            "max" | "min" => {
                let [other] = args.bind(name, ["other"])?;
                let other = other.as_ref().and_then(Decimal::from_value).unwrap_or(Decimal::NaN);
                let wanted = if name == "max" { Ordering::Greater } else { Ordering::Less };
                let own = match self.order(&other) {
                    None => matches!(other, Decimal::NaN),
                    Some(order) => order == wanted,
                };
                decimal(if own { (*self).clone() } else { other })
            }
            "number_class" => Ok(Some(Value::from(self.class()))),
            "radix" => decimal(Decimal::from_integer(&10.into())),
            "same_quantum" => {
                let [other] = args.bind(name, ["other"])?;
                let exponent = |d: &Decimal| match d {
                    Decimal::Finite { exponent, .. } => Some(*exponent),
                    _ => None,
                };
                truth(
                    other
                        .as_ref()
                        .and_then(Decimal::from_value)
                        .is_some_and(|o| exponent(&o) == exponent(&self)),
                )
            }
            "scaleb" => {
                let [other] = args.bind(name, ["other"])?;
                let shift = other.as_ref().and_then(Decimal::from_value).and_then(|o| o.to_integer());
                match (&*self, shift.and_then(|i| i.to_i64())) {
                    (Decimal::Finite { negative, digits, exponent }, Some(shift)) => {
                        decimal(Decimal::finite(*negative, digits.clone(), exponent.saturating_add(shift)))
                    }
                    _ => decimal((*self).clone()),
                }
            }
            "to_eng_string" => Ok(Some(Value::from(self.to_string()))),
            "to_integral_exact" | "to_integral_value" | "to_integral" => decimal(match &*self {
                Decimal::Finite { exponent, .. } if *exponent >= 0 => (*self).clone(),
                _ => self.quantized(0),
            }),
            "is_nan" => truth(matches!(&*self, Decimal::NaN)),
            "is_zero" => truth(self.is_zero()),
            "is_finite" => truth(matches!(&*self, Decimal::Finite { .. })),
            "is_infinite" => truth(matches!(&*self, Decimal::Infinite { .. })),
            "is_signed" => truth(self.is_negative()),
            "copy_abs" | "__abs__" => decimal(self.absolute()),
            "copy_negate" | "__neg__" => decimal(self.negated()),
            "conjugate" | "__pos__" => decimal((*self).clone()),
            "adjusted" => Ok(Some(Value::from(self.adjusted()))),
            "sqrt" => decimal(Decimal::from_float(self.to_float().sqrt())),
            "compare" => {
                let [other] = args.bind(name, ["other"])?;
                let order = other.as_ref().and_then(|o| self.order_value(o));
                decimal(order.map_or(Decimal::NaN, |o| Decimal::from_integer(&(o as i64).into())))
            }
            "__int__" => self.to_integer().map(|i| Some(Value::integer(i))).ok_or_else(overflow),
            "__float__" => Ok(Some(Value::Float(self.to_float()))),
            "__round__" => {
                let [places] = args.bind(name, ["ndigits?"])?;
                match places.filter(|p| !p.is_none()) {
                    None => {
                        self.quantized(0).to_integer().map(|i| Some(Value::integer(i))).ok_or_else(overflow)
                    }
                    Some(places) => decimal(self.rounded(places.as_i64().unwrap_or(0))),
                }
            }
            _ => Ok(None),
        }
    }

    fn is_true(&self) -> bool {
        !self.is_zero()
    }

    fn str(&self) -> String {
        self.to_string()
    }

    fn repr(&self) -> String {
        format!("Decimal('{self}')")
    }

    fn eq(&self, other: &Value) -> Option<bool> {
        Some(self.order_value(other) == Some(Ordering::Equal))
    }

    fn compare(&self, other: &Value) -> Option<Ordering> {
        self.order_value(other)
    }

    fn hash(&self) -> Option<u64> {
        // An integral decimal is the same dict key as the integer.
        let whole = self.to_integer().filter(|i| self.order(&Self::from_integer(i)) == Some(Ordering::Equal));
        if let Some(small) = whole.and_then(|i| i.to_i64()) {
            return Some(small.cast_unsigned());
        }
        let mut hasher = rustc_hash::FxHasher::default();
        self.normalized().to_string().hash(&mut hasher);
        Some(hasher.finish())
    }

    fn binary(&self, op: BinaryOp, other: &Value, reversed: bool) -> Result<Option<Value>> {
        // As in Python, a float does not mix with decimals.
        let Some(other) = Decimal::from_value(other) else { return Ok(None) };
        let (left, right) = if reversed { (&other, self) } else { (self, &other) };
        let result = match op {
            BinaryOp::Add => left.plus(right),
            BinaryOp::Sub => left.minus(right),
            BinaryOp::Mul => left.times(right),
            BinaryOp::Div => left.divided_by(right).ok_or_else(|| division_by_zero(true))?,
            BinaryOp::FloorDiv => {
                left.divided_whole(right).ok_or_else(|| division_by_zero(right.is_zero()))?.0
            }
            BinaryOp::Rem => left.divided_whole(right).ok_or_else(|| division_by_zero(right.is_zero()))?.1,
            BinaryOp::Pow => left
                .to_power(right)
                .ok_or_else(|| Error::new(ErrorKind::Overflow, "[<class 'decimal.Overflow'>]"))?,
        };
        Ok(Some(result.into_value()))
    }

    fn to_json(&self) -> Option<serde_json::Value> {
        // dbt's encoder writes decimals as floats.
        serde_json::Number::from_f64(self.to_float()).map(serde_json::Value::Number)
    }
}
