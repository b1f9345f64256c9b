//! The order in which Python iterates a set: that of its hash table. Where Python's own order is not stable between
//! runs (texts are hashed with a random seed), a set keeps the order of insertion.

use crate::{Key, Value};
use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive};

/// Integers are hashed modulo this prime.
const MODULUS: u64 = (1 << 61) - 1;
/// How many neighbours of a slot are tried before another place is looked for.
const NEIGHBOURS: usize = 9;
const SMALLEST_TABLE: usize = 8;

/// Puts the members of a set, given in the order of insertion, into Python's order.
pub(crate) fn ordered(members: Vec<Value>) -> Vec<Value> {
    if members.len() < 2 {
        return members;
    }
    let Some(hashes) = members.iter().map(|v| hash(v, 0)).collect::<Option<Vec<u64>>>() else {
        return members;
    };
    let mut table: Vec<Option<usize>> = vec![None; SMALLEST_TABLE];
    let place = |table: &mut Vec<Option<usize>>, member: usize| {
        let at = free_slot(table, hashes.get(member).copied().unwrap_or(0));
        if let Some(slot) = table.get_mut(at) {
            *slot = Some(member);
        }
    };
    for member in 0..members.len() {
        place(&mut table, member);
        let used = member + 1;
        if used * 5 < (table.len() - 1) * 3 {
            continue;
        }
        let wanted = if used > 50_000 { used * 2 } else { used * 4 };
        let mut size = SMALLEST_TABLE;
        while size <= wanted {
            size *= 2;
        }
        let old = std::mem::replace(&mut table, vec![None; size]);
        for member in old.into_iter().flatten() {
            place(&mut table, member);
        }
    }
    table.into_iter().flatten().filter_map(|i| members.get(i).cloned()).collect()
}

/// The members of a set of keys in Python's order.
pub(crate) fn ordered_keys<'a>(keys: impl Iterator<Item = &'a Key>) -> Vec<Value> {
    ordered(keys.map(|k| k.value().clone()).collect())
}

/// Where a hash goes: its slot, one of the slots behind it, or a slot of the sequence that all bits decide.
fn free_slot(table: &[Option<usize>], hash: u64) -> usize {
    let mask = table.len() - 1;
    let mut rest = hash;
    let mut slot = (hash as usize) & mask;
    loop {
        let last = if slot + NEIGHBOURS <= mask { slot + NEIGHBOURS } else { slot };
        for at in slot..=last {
            if table.get(at).is_some_and(Option::is_none) {
                return at;
            }
        }
        rest >>= 5;
        slot = slot.wrapping_mul(5).wrapping_add(1).wrapping_add(rest as usize) & mask;
    }
}

/// Python's `hash`, where it is the same in every run.
fn hash(value: &Value, depth: usize) -> Option<u64> {
    match value {
        Value::Bool(b) => Some(u64::from(*b)),
        Value::Int(i) => Some(signed(i.unsigned_abs() % MODULUS, *i < 0)),
        Value::BigInt(big) => {
            let rest = (big.abs() % BigInt::from(MODULUS)).to_u64()?;
            Some(signed(rest, big.is_negative()))
        }
        Value::Float(f) => float(*f),
        Value::Tuple(items) if depth < 20 => tuple(items, depth),
        _ => None,
    }
}

/// -1 stands for an error in Python's C code, so nothing has that hash.
fn signed(magnitude: u64, negative: bool) -> u64 {
    let hash = if negative { magnitude.wrapping_neg() } else { magnitude };
    if hash == u64::MAX { hash - 1 } else { hash }
}

fn float(f: f64) -> Option<u64> {
    if f.is_infinite() {
        return Some(signed(314_159, f < 0.0));
    }
    if f.is_nan() {
        return None;
    }
    // The mantissa times a power of two, modulo a prime for which doubling is a rotation.
    let bits = f.abs().to_bits();
    let raw = (bits >> 52) as i64;
    let fraction = bits & ((1 << 52) - 1);
    let (mantissa, exponent) = if raw == 0 { (fraction, -1074) } else { (fraction | 1 << 52, raw - 1075) };
    let turn = u32::try_from(exponent.rem_euclid(61)).ok()?;
    let wide = u128::from(mantissa) << turn;
    let rest = u64::try_from(wide % u128::from(MODULUS)).ok()?;
    Some(signed(rest, f < 0.0))
}

fn tuple(items: &[Value], depth: usize) -> Option<u64> {
    const FIRST: u64 = 11_400_714_785_074_694_791;
    const SECOND: u64 = 14_029_467_366_897_019_727;
    const FIFTH: u64 = 2_870_177_450_012_600_261;
    let mut sum = FIFTH;
    for item in items {
        let lane = hash(item, depth + 1)?;
        sum = sum.wrapping_add(lane.wrapping_mul(SECOND)).rotate_left(31).wrapping_mul(FIRST);
    }
    sum = sum.wrapping_add(items.len() as u64 ^ (FIFTH ^ 3_527_539));
    Some(if sum == u64::MAX { 1_546_275_796 } else { sum })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_python() {
        for (value, expected) in [
            (Value::Int(-1), -2),
            (Value::Int(1 << 61), 1),
            (Value::Float(0.5), 1152921504606846976),
            (Value::Float(-2.25), -576460752303423490),
            (Value::Float(1e300), 1224995262755759164),
            (Value::tuple([Value::Int(1), Value::Int(2)]), -3550055125485641917),
        ] {
            assert_eq!(hash(&value, 0).map(|h| h as i64), Some(expected), "{value:?}");
        }
    }
}
