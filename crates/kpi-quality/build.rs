//! Lets the tests of this crate find the DuckDB library that they judge on.

fn main() {
    println!("cargo:rerun-if-env-changed=DUCKDB_LIB_DIR");
    let unix = std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family.contains("unix"));
    if let Ok(folder) = std::env::var("DUCKDB_LIB_DIR")
        && unix
    {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
    }
}
