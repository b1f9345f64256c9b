//! Grants as `show grants` tells them, in the shape in which a project configures them.

use kpi_adapter::AdapterObject;
use kpi_jinja::{Args, Dict, Interp, List, Result, Value};

/// `adapter.standardize_grants_dict(table)`: `{privilege: [grantee, ...]}`. Ownership is no grant of the project's, nor is what
/// shares and database roles have.
pub(crate) fn standardize(_: &AdapterObject, interp: &mut Interp, args: Args) -> Result<Value> {
    let [table] = args.bind("standardize_grants_dict", ["grants_table"])?;
    let grants = Dict::new();
    for row in table.unwrap_or(Value::None).to_vec(interp)? {
        let mut cell = |name: &str| row.get_item(interp, &Value::from(name));
        let (grantee, to, privilege) = (cell("grantee_name")?, cell("granted_to")?, cell("privilege")?);
        if privilege.as_str() == Some("OWNERSHIP") || matches!(to.as_str(), Some("SHARE" | "DATABASE_ROLE")) {
            continue;
        }
        match grants.get_value(&privilege) {
            Some(Value::List(list)) => list.push(grantee),
            _ => grants.set(privilege, Value::List(List::new(vec![grantee])))?,
        }
    }
    Ok(Value::Dict(grants))
}
