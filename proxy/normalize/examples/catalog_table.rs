//! Prints the table of models and providers: `make catalog-table` keeps it in `CATALOG.md`.

use std::{error::Error, io::Write};

use proxy_normalize::{Catalogue, table::table};

fn main() -> Result<(), Box<dyn Error>> {
    let catalogue = Catalogue::embedded()?;
    Ok(std::io::stdout().write_all(table(&catalogue).as_bytes())?)
}
