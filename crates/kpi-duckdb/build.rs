//! Lets the tests of this crate find the DuckDB library that it links to.

fn main() {
    println!("cargo:rerun-if-env-changed=DUCKDB_LIB_DIR");
    let unix = std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family.contains("unix"));
    let bundled = std::env::var("CARGO_FEATURE_BUNDLED").is_ok();
    if let Ok(folder) = std::env::var("DUCKDB_LIB_DIR")
        && unix
        && !bundled
    {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
    }
}
