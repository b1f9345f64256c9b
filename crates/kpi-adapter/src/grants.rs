//! Grants as the database reports them, in the shape in which a project configures them.

use kpi_jinja::{Args, Dict, Interp, List, Result, Value};

/// `{privilege: [grantee, ...]}` from a table with the columns `grantee` and `privilege_type`.
pub(crate) fn standardize(interp: &mut Interp, args: Args) -> Result<Value> {
    let [table] = args.bind("standardize_grants_dict", ["grants_table"])?;
    let grants = Dict::new();
    for row in table.unwrap_or(Value::None).to_vec(interp)? {
        let grantee = row.get_item(interp, &Value::from("grantee"))?;
        let privilege = row.get_item(interp, &Value::from("privilege_type"))?;
        match grants.get_value(&privilege) {
            Some(Value::List(list)) => list.push(grantee),
            _ => grants.set(privilege, Value::List(List::new(vec![grantee])))?,
        }
    }
    Ok(Value::Dict(grants))
}
