//! Measures the other rooms: their shape in `tests/tidy.rs`, the speed of the pure ones in `benches/`. Holds no code itself.
