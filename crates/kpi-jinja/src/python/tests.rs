//! The tests of jinja2.

use super::{filters, markup, text};
use crate::{Args, Error, ErrorKind, Interp, Result, Value};
use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::Zero;
use std::cmp::Ordering;

/// A test: the value, the arguments.
pub type TestFn = fn(&mut Interp, &Value, Args) -> Result<bool>;

/// The test of that name.
pub fn get(name: &str) -> Option<TestFn> {
    Some(match name {
        "odd" => odd,
        "even" => even,
        "divisibleby" => divisibleby,
        "defined" => |_, v, a| plain(a, !v.is_undefined()),
        "undefined" => |_, v, a| plain(a, v.is_undefined()),
        "filter" => |_, v, a| plain(a, filters::get(&v.to_str()).is_some()),
        "test" => |_, v, a| plain(a, get(&v.to_str()).is_some()),
        "none" => |_, v, a| plain(a, v.is_none()),
        "boolean" => |_, v, a| plain(a, matches!(v, Value::Bool(_))),
        "false" => |_, v, a| plain(a, matches!(v, Value::Bool(false))),
        "true" => |_, v, a| plain(a, matches!(v, Value::Bool(true))),
        "integer" => |_, v, a| plain(a, matches!(v, Value::Int(_) | Value::BigInt(_))),
        "float" => |_, v, a| plain(a, matches!(v, Value::Float(_))),
        "lower" => |_, v, a| plain(a, text::is_lower(&v.to_str())),
        "upper" => |_, v, a| plain(a, text::is_upper(&v.to_str())),
        "string" => |_, v, a| plain(a, is_string(v)),
        "mapping" => |_, v, a| plain(a, is_mapping(v)),
        "number" => |_, v, a| plain(a, is_number(v)),
        "sequence" => |_, v, a| plain(a, is_sequence(v)),
        "iterable" => |i, v, a| {
            let iterable = v.iterate(i).is_ok();
            plain(a, iterable)
        },
        "callable" => |_, v, a| plain(a, v.is_callable()),
        "sameas" => |_, v, a| Ok(v.is_same(&other("sameas", a)?)),
        "escaped" => |_, v, a| plain(a, markup::is_markup(v)),
        "in" => |i, v, a| other("in", a)?.contains(i, v),
        "==" | "eq" | "equalto" => |_, v, a| Ok(*v == other("eq", a)?),
        "!=" | "ne" => |_, v, a| Ok(*v != other("ne", a)?),
        ">" | "gt" | "greaterthan" => |_, v, a| ordered(v, a, ">", &[Ordering::Greater]),
        ">=" | "ge" => |_, v, a| ordered(v, a, ">=", &[Ordering::Greater, Ordering::Equal]),
        "<" | "lt" | "lessthan" => |_, v, a| ordered(v, a, "<", &[Ordering::Less]),
        "<=" | "le" => |_, v, a| ordered(v, a, "<=", &[Ordering::Less, Ordering::Equal]),
        _ => return None,
    })
}

fn plain(args: Args, answer: bool) -> Result<bool> {
    args.bind::<0>("test", [])?;
    Ok(answer)
}

fn other(name: &str, args: Args) -> Result<Value> {
    let [value] = args.bind(name, ["other"])?;
    Ok(value.unwrap_or(Value::None))
}

fn ordered(value: &Value, args: Args, operator: &str, wanted: &[Ordering]) -> Result<bool> {
    let order = value.compare(&other(operator, args)?, operator)?;
    Ok(order.is_some_and(|o| wanted.contains(&o)))
}

/// Whether it is text, escaped or not.
pub fn is_string(value: &Value) -> bool {
    markup::text(value).is_some()
}

/// Whether it is a mapping.
pub fn is_mapping(value: &Value) -> bool {
    match value {
        Value::Dict(_) => true,
        Value::Object(object) => object.is_mapping(),
        _ => false,
    }
}

/// Whether it is a number; booleans are.
pub fn is_number(value: &Value) -> bool {
    match value {
        Value::Bool(_) | Value::Int(_) | Value::BigInt(_) | Value::Float(_) => true,
        Value::Object(object) => object.type_name() == "Decimal",
        _ => false,
    }
}

/// Whether it has a length and items.
pub fn is_sequence(value: &Value) -> bool {
    match value {
        Value::Str(_) | Value::Bytes(_) | Value::List(_) | Value::Tuple(_) | Value::Dict(_) => true,
        // A set has a length, and no items.
        Value::Set(_) => false,
        // jinja2's undefined has both, and only complains when they are used.
        Value::Undefined(_) => true,
        Value::Object(object) => object.length().is_some() && !object.type_name().starts_with("dict_"),
        _ => false,
    }
}

/// `value % divisor == remainder`
fn remainder(value: &Value, divisor: &Value) -> Result<Value> {
    value.require_defined()?;
    divisor.require_defined()?;
    let zero = |kind: &str| Error::new(ErrorKind::ZeroDivision, format!("{kind} modulo by zero"));
    if let (Some(a), Some(b)) = (value.as_bigint(), divisor.as_bigint()) {
        if b.is_zero() {
            return Err(zero("integer"));
        }
        let rest: BigInt = a.mod_floor(&b);
        return Ok(Value::integer(rest));
    }
    match (value.as_f64(), divisor.as_f64()) {
        (Some(_), Some(0.0)) => Err(zero("float")),
        (Some(a), Some(b)) => {
            let rest = a % b;
            Ok(Value::Float(if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }))
        }
        _ if is_string(value) => {
            Err(Error::type_error("not all arguments converted during string formatting"))
        }
        _ => Err(Error::type_error(format!(
            "unsupported operand type(s) for %: '{}' and '{}'",
            value.type_name(),
            divisor.type_name()
        ))),
    }
}

fn odd(_: &mut Interp, value: &Value, args: Args) -> Result<bool> {
    plain(args, remainder(value, &Value::Int(2))? == Value::Int(1))
}

fn even(_: &mut Interp, value: &Value, args: Args) -> Result<bool> {
    plain(args, remainder(value, &Value::Int(2))? == Value::Int(0))
}

fn divisibleby(_: &mut Interp, value: &Value, args: Args) -> Result<bool> {
    let divisor = other("divisibleby", args)?;
    Ok(remainder(value, &divisor)? == Value::Int(0))
}
