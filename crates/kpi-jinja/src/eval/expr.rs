//! Evaluation of expressions.

use super::{Slot, ops};
use crate::object::Slice;
use crate::syntax::ast::{CompareOp, Expr, Filter, Function, GLOBAL, Name, Test};
use crate::{Dict, Error, ErrorKind, Interp, Key, List, Result, Undefined, Value};
use std::cmp::Ordering;
use std::sync::Arc;

impl Interp {
    /// The value of a variable.
    pub(crate) fn load(&mut self, base: usize, name: &Name) -> Value {
        let found = if name.slot == GLOBAL {
            self.lookup(&name.name)
        } else {
            let slot = match self.stack.get(base + name.slot as usize) {
                Some(Slot::Cell(cell)) => cell.lock().clone(),
                Some(Slot::Value(value)) => return value.clone(),
                Some(Slot::Lazy) => Slot::Lazy,
                _ => Slot::Missing,
            };
            match slot {
                Slot::Value(value) => return value,
                Slot::Lazy => {
                    let found = self.lookup(&name.name);
                    if let Some(value) = &found {
                        self.set(base, name.slot, value.clone());
                    }
                    found
                }
                _ => None,
            }
        };
        found.unwrap_or_else(|| self.undefined(Some(name.name.clone()), None))
    }

    /// Assigns a variable.
    pub(crate) fn set(&mut self, base: usize, slot: u32, value: Value) {
        match self.stack.get_mut(base + slot as usize) {
            Some(Slot::Cell(cell)) => *cell.lock() = Slot::Value(value),
            Some(entry) => *entry = Slot::Value(value),
            None => {}
        }
    }

    pub(crate) fn eval(&mut self, function: &Arc<Function>, base: usize, expr: &Expr) -> Result<Value> {
        match expr {
            Expr::Const(value) => Ok(value.clone()),
            Expr::Name(name) => Ok(self.load(base, name)),
            Expr::List(items) => Ok(Value::List(List::new(self.eval_all(function, base, items)?))),
            Expr::Tuple(items) => Ok(Value::Tuple(self.eval_all(function, base, items)?.into())),
            Expr::Dict(items, pos) => self.eval_dict(function, base, items, *pos),
            Expr::Not(operand) => Ok(Value::Bool(!self.eval(function, base, operand)?.is_true())),
            Expr::Neg(operand, pos) => {
                let operand = self.eval(function, base, operand)?;
                self.pos = *pos;
                ops::negate(&operand)
            }
            Expr::Plus(operand, pos) => {
                let operand = self.eval(function, base, operand)?;
                self.pos = *pos;
                ops::plus(&operand)
            }
            Expr::And(pair) => {
                let left = self.eval(function, base, &pair.0)?;
                if left.is_true() { self.eval(function, base, &pair.1) } else { Ok(left) }
            }
            Expr::Or(pair) => {
                let left = self.eval(function, base, &pair.0)?;
                if left.is_true() { Ok(left) } else { self.eval(function, base, &pair.1) }
            }
            Expr::Binary(op, pair, pos) => {
                let left = self.eval(function, base, &pair.0)?;
                let right = self.eval(function, base, &pair.1)?;
                self.pos = *pos;
                ops::binary(self, *op, &left, &right)
            }
            Expr::Concat(parts) => {
                let mut text = String::new();
                for part in parts {
                    self.eval(function, base, part)?.write_str(&mut text);
                    ops::check_size(text.len())?;
                }
                Ok(Value::from(text))
            }
            Expr::Compare(first, rest, pos) => self.eval_compare(function, base, first, rest, *pos),
            Expr::Cond(cond) => {
                if self.eval(function, base, &cond.test)?.is_true() {
                    self.eval(function, base, &cond.then)
                } else if let Some(otherwise) = &cond.otherwise {
                    self.eval(function, base, otherwise)
                } else {
                    // Never lenient, not even while dbt parses.
                    let hint = "the inline if-expression evaluated to false and no else section was defined.";
                    Ok(Value::Undefined(Undefined { name: None, hint: Some(hint.into()), lenient: false }))
                }
            }
            Expr::Attr(receiver, name, pos) => {
                let receiver = self.eval(function, base, receiver)?;
                self.pos = *pos;
                receiver.get_attr(self, name)
            }
            Expr::Item(pair, pos) => {
                let receiver = self.eval(function, base, &pair.0)?;
                let key = self.eval(function, base, &pair.1)?;
                self.pos = *pos;
                if let (Some(slice), false) = (key.downcast_ref::<Slice>(), expr.is_constant()) {
                    // Python's own slicing, which raises where jinja2's look-up answers undefined.
                    check_slice(&receiver, slice)?;
                }
                receiver.get_item(self, &key)
            }
            Expr::Slice(parts) => {
                let [start, stop, step] = &**parts;
                let mut part = |part: &Option<Expr>| match part {
                    Some(part) => self.eval(function, base, part),
                    None => Ok(Value::None),
                };
                let (start, stop, step) = (part(start)?, part(stop)?, part(step)?);
                Ok(Value::object(Slice { start, stop, step }))
            }
            Expr::Call(call) => self.eval_call(function, base, &call.callee, &call.args, None, call.pos),
            Expr::Filter(filter) => {
                let value = match &filter.value {
                    Some(value) => self.eval(function, base, value)?,
                    None => std::mem::take(&mut self.captured),
                };
                self.apply_filter(function, base, filter, value)
            }
            Expr::Test(test) => self.eval_test(function, base, test),
        }
    }

    fn eval_all(&mut self, function: &Arc<Function>, base: usize, items: &[Expr]) -> Result<Vec<Value>> {
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            values.push(self.eval(function, base, item)?);
        }
        Ok(values)
    }

    fn eval_dict(
        &mut self,
        function: &Arc<Function>,
        base: usize,
        items: &[(Expr, Expr)],
        pos: u32,
    ) -> Result<Value> {
        let mut entries = Vec::with_capacity(items.len());
        for (key, value) in items {
            let key = self.eval(function, base, key)?;
            let value = self.eval(function, base, value)?;
            self.pos = pos;
            entries.push((Key::new(key)?, value));
        }
        Ok(Value::Dict(entries.into_iter().collect::<Dict>()))
    }

    fn eval_compare(
        &mut self,
        function: &Arc<Function>,
        base: usize,
        first: &Expr,
        rest: &[(CompareOp, Expr)],
        pos: u32,
    ) -> Result<Value> {
        let mut left = self.eval(function, base, first)?;
        for (op, operand) in rest {
            let right = self.eval(function, base, operand)?;
            self.pos = pos;
            let holds = self.compare(*op, &left, &right)?;
            if !holds {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    fn compare(&mut self, op: CompareOp, left: &Value, right: &Value) -> Result<bool> {
        let ordered = |text: &str, wanted: fn(Ordering) -> bool| {
            left.compare(right, text).map(|order| order.is_some_and(wanted))
        };
        match op {
            CompareOp::Eq => Ok(left == right),
            CompareOp::Ne => Ok(left != right),
            CompareOp::Lt => ordered("<", Ordering::is_lt),
            CompareOp::Le => ordered("<=", Ordering::is_le),
            CompareOp::Gt => ordered(">", Ordering::is_gt),
            CompareOp::Ge => ordered(">=", Ordering::is_ge),
            CompareOp::In => right.contains(self, left),
            CompareOp::NotIn => right.contains(self, left).map(|found| !found),
        }
    }

    pub(crate) fn apply_filter(
        &mut self,
        function: &Arc<Function>,
        base: usize,
        filter: &Filter,
        value: Value,
    ) -> Result<Value> {
        let args = self.eval_args(function, base, &filter.args)?;
        self.pos = filter.pos;
        match filter.function {
            Some(apply) => apply(self, value, args),
            None => Err(Error::new(ErrorKind::Runtime, format!("No filter named '{}' found.", filter.name))),
        }
    }

    fn eval_test(&mut self, function: &Arc<Function>, base: usize, test: &Test) -> Result<Value> {
        let value = self.eval(function, base, &test.value)?;
        let args = self.eval_args(function, base, &test.args)?;
        self.pos = test.pos;
        match test.function {
            Some(holds) => holds(self, &value, args).map(Value::Bool),
            None => Err(Error::new(ErrorKind::Runtime, format!("No test named '{}' found.", test.name))),
        }
    }
}

fn check_slice(receiver: &Value, slice: &Slice) -> Result<()> {
    match receiver {
        Value::Undefined(_) => return Ok(()),
        Value::Dict(_) => return Err(Error::type_error("unhashable type: 'slice'")),
        Value::None | Value::Bool(_) | Value::Int(_) | Value::BigInt(_) | Value::Float(_) | Value::Set(_) => {
            return Err(Error::type_error(format!("'{}' object is not subscriptable", receiver.type_name())));
        }
        _ => {}
    }
    let bad = [&slice.start, &slice.stop, &slice.step]
        .into_iter()
        .find(|v| !matches!(v, Value::None | Value::Int(_) | Value::Bool(_) | Value::BigInt(_)));
    match bad {
        Some(Value::Undefined(undefined)) => Err(undefined.error()),
        Some(_) => {
            Err(Error::type_error("slice indices must be integers or None or have an __index__ method"))
        }
        None => Ok(()),
    }
}
