//! A call as it is written: its arguments as text, before anything is evaluated.
//!
//! The text is the one that jinja2 prints of its syntax tree. dbt keeps it in artifacts, where states are compared by it:
//! `Keyword(key='enabled', value=Call(node=Name(name='env_var', ctx='load'), args=[...], ...))`.

use crate::analysis::first_call;
use crate::object::BinaryOp;
use crate::syntax::ast::{Call, CallArgs, CompareOp, Expr, Function, Stmt};
use crate::value::Value;
use std::sync::Arc;

/// The keyword arguments of the first call of `name`; `None`: there is no such call.
pub(crate) fn keywords_of(root: &Function, name: &str) -> Option<Vec<(Arc<str>, String)>> {
    let mut found = None;
    first_call(root, name, &mut |call| {
        let written = |(key, value): &(Arc<str>, Expr)| (key.clone(), keyword(key, value));
        found = Some(call.args.keyword.iter().map(written).collect());
    });
    found
}

/// Whether the text has nothing in it but prints of calls of `names`.
pub(crate) fn prints_only(root: &Function, names: &[&str]) -> bool {
    root.body.iter().all(|statement| match statement {
        Stmt::Text(_) => true,
        Stmt::Output(Expr::Call(call)) => {
            matches!(&call.callee, Expr::Name(name) if names.contains(&&*name.name))
        }
        _ => false,
    })
}

fn text(value: &str) -> String {
    Value::from(value).repr()
}

fn keyword(key: &str, value: &Expr) -> String {
    format!("Keyword(key={}, value={})", text(key), expr(value))
}

fn list(items: &[Expr]) -> String {
    let items: Vec<String> = items.iter().map(expr).collect();
    format!("[{}]", items.join(", "))
}

fn maybe(value: Option<&Expr>) -> String {
    value.map_or_else(|| "None".to_owned(), expr)
}

fn arguments(args: &CallArgs) -> String {
    let keywords: Vec<String> = args.keyword.iter().map(|(key, value)| keyword(key, value)).collect();
    format!(
        "args={}, kwargs=[{}], dyn_args={}, dyn_kwargs={}",
        list(&args.positional),
        keywords.join(", "),
        maybe(args.spread.as_ref()),
        maybe(args.spread_keyword.as_ref())
    )
}

fn call(call: &Call) -> String {
    format!("Call(node={}, {})", expr(&call.callee), arguments(&call.args))
}

fn pair(class: &str, sides: &(Expr, Expr)) -> String {
    format!("{class}(left={}, right={})", expr(&sides.0), expr(&sides.1))
}

fn expr(expression: &Expr) -> String {
    match expression {
        Expr::Const(value) => format!("Const(value={})", value.repr()),
        Expr::Name(name) => format!("Name(name={}, ctx='load')", text(&name.name)),
        Expr::List(items) => format!("List(items={})", list(items)),
        Expr::Tuple(items) => format!("Tuple(items={}, ctx='load')", list(items)),
        Expr::Dict(items, _) => {
            let pair =
                |(key, value): &(Expr, Expr)| format!("Pair(key={}, value={})", expr(key), expr(value));
            format!("Dict(items=[{}])", items.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        Expr::Not(inner) => format!("Not(node={})", expr(inner)),
        Expr::Neg(inner, _) => format!("Neg(node={})", expr(inner)),
        Expr::Plus(inner, _) => format!("Pos(node={})", expr(inner)),
        Expr::And(sides) => pair("And", sides),
        Expr::Or(sides) => pair("Or", sides),
        Expr::Binary(op, sides, _) => pair(class_of(*op), sides),
        Expr::Concat(items) => format!("Concat(nodes={})", list(items)),
        Expr::Compare(first, rest, _) => {
            let operand = |(op, value): &(CompareOp, Expr)| {
                format!("Operand(op='{}', expr={})", word(*op), expr(value))
            };
            let rest: Vec<String> = rest.iter().map(operand).collect();
            format!("Compare(expr={}, ops=[{}])", expr(first), rest.join(", "))
        }
        Expr::Cond(cond) => format!(
            "CondExpr(test={}, expr1={}, expr2={})",
            expr(&cond.test),
            expr(&cond.then),
            maybe(cond.otherwise.as_ref())
        ),
        Expr::Attr(inner, name, _) => {
            format!("Getattr(node={}, attr={}, ctx='load')", expr(inner), text(name))
        }
        Expr::Item(sides, _) => {
            format!("Getitem(node={}, arg={}, ctx='load')", expr(&sides.0), expr(&sides.1))
        }
        Expr::Slice(parts) => {
            let [start, stop, step] = &**parts;
            format!(
                "Slice(start={}, stop={}, step={})",
                maybe(start.as_ref()),
                maybe(stop.as_ref()),
                maybe(step.as_ref())
            )
        }
        Expr::Call(inner) => call(inner),
        Expr::Filter(filter) => format!(
            "Filter(node={}, name={}, {})",
            maybe(filter.value.as_ref()),
            text(&filter.name),
            arguments(&filter.args)
        ),
        Expr::Test(test) => {
            format!("Test(node={}, name={}, {})", expr(&test.value), text(&test.name), arguments(&test.args))
        }
    }
}

fn class_of(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "Add",
        BinaryOp::Sub => "Sub",
        BinaryOp::Mul => "Mul",
        BinaryOp::Div => "Div",
        BinaryOp::FloorDiv => "FloorDiv",
        BinaryOp::Rem => "Mod",
        BinaryOp::Pow => "Pow",
    }
}

fn word(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Eq => "eq",
        CompareOp::Ne => "ne",
        CompareOp::Lt => "lt",
        CompareOp::Le => "lteq",
        CompareOp::Gt => "gt",
        CompareOp::Ge => "gteq",
        CompareOp::In => "in",
        CompareOp::NotIn => "notin",
    }
}

#[cfg(test)]
mod tests {
    use crate::Template;

    /// What jinja2 3.1.6 prints of these.
    #[test]
    fn calls_are_printed_as_jinja2_prints_them() {
        let cases = [
            (
                "{{ config(a=env_var('X', 'y') ~ 'z') }}",
                "Keyword(key='a', value=Concat(nodes=[Call(node=Name(name='env_var', ctx='load'), args=[Const(value='X'), \
                 Const(value='y')], kwargs=[], dyn_args=None, dyn_kwargs=None), Const(value='z')]))",
            ),
            (
                "{% if x %}{{ config(a=['b', -1] if target.name == 'p' else {'c': none}, ) }}{% endif %}",
                "Keyword(key='a', value=CondExpr(test=Compare(expr=Getattr(node=Name(name='target', ctx='load'), \
                 attr='name', ctx='load'), ops=[Operand(op='eq', expr=Const(value='p'))]), expr1=List(items=[\
                 Const(value='b'), Neg(node=Const(value=1))]), expr2=Dict(items=[Pair(key=Const(value='c'), \
                 value=Const(value=None))])))",
            ),
            (
                "{{ config(a=x|default(1.5)|int, ) }}",
                "Keyword(key='a', value=Filter(node=Filter(node=Name(name='x', ctx='load'), name='default', \
                 args=[Const(value=1.5)], kwargs=[], dyn_args=None, dyn_kwargs=None), name='int', args=[], kwargs=[], \
                 dyn_args=None, dyn_kwargs=None))",
            ),
        ];
        for (source, expected) in cases {
            let template = Template::parse_str("t", source).unwrap();
            let written = template.written_keywords("config").unwrap();
            assert_eq!(written.len(), 1);
            assert_eq!(written[0].1, expected, "{source}");
        }
        assert!(Template::parse_str("t", "select 1").unwrap().written_keywords("config").is_none());
    }
}
