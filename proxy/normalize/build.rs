//! Makes Cargo see new and removed catalogue files; changes in known ones it sees by itself.

fn main() {
    println!("cargo:rerun-if-changed=catalog");
}
