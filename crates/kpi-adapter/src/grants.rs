//! Grants as the database reports them, in the shape in which a project configures them.

use kpi_jinja::{Args, Dict, Interp, List, Result, Value};

/// The columns of what a database answers to `show grants`: grantee and privilege.
fn columns(adapter_type: &str) -> [&'static str; 2] {
    match adapter_type {
        "snowflake" => ["grantee_name", "privilege"],
        _ => ["grantee", "privilege_type"],
    }
}

/// `{privilege: [grantee, ...]}`. Of Snowflake's answer, which has owners, shares and roles of databases too, only what a
/// project can grant.
pub(crate) fn standardize(interp: &mut Interp, args: Args, adapter_type: &str) -> Result<Value> {
    let [grantee_column, privilege_column] = columns(adapter_type);
    let [table] = args.bind("standardize_grants_dict", ["grants_table"])?;
    let grants = Dict::new();
    for row in table.unwrap_or(Value::None).to_vec(interp)? {
        let grantee = row.get_item(interp, &Value::from(grantee_column))?;
        let privilege = row.get_item(interp, &Value::from(privilege_column))?;
        if adapter_type == "snowflake" {
            let to = row.get_item(interp, &Value::from("granted_to"))?;
            let others = matches!(to.as_str(), Some("SHARE" | "DATABASE_ROLE"));
            if others || privilege.as_str() == Some("OWNERSHIP") {
                continue;
            }
        }
        match grants.get_value(&privilege) {
            Some(Value::List(list)) => list.push(grantee),
            _ => grants.set(privilege, Value::List(List::new(vec![grantee])))?,
        }
    }
    Ok(Value::Dict(grants))
}
