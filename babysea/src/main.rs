//! The program `babysea`: hands everything to the library and ends with its exit code.

fn main() -> std::process::ExitCode {
    babysea::main()
}
