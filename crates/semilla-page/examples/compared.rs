//! Temporary.
#[path = "../tests/compared/mod.rs"]
mod compared;
fn main() {
    let page = match std::env::args().nth(1).as_deref() {
        Some("large") => semilla_page::compare::page(&compared::large()),
        Some("undecided") => semilla_page::compare::page(&compared::undecided()),
        _ => semilla_page::compare::page(&compared::comparison()),
    };
    print!("{page}");
}
