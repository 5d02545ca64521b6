//! What the project's pages show must be what is understood.

use semilla::Recipe;
use semilla::transfer::Op;

const PAGES: [(&str, &str); 3] = [
    ("README.md", include_str!("../../../README.md")),
    ("README.es.md", include_str!("../../../README.es.md")),
    (
        "docs/transfer.md",
        include_str!("../../../docs/transfer.md"),
    ),
];

/// The recipes of all pages can be read.
#[test]
fn recipes_can_be_read() {
    for (page, text) in PAGES {
        let blocks: Vec<&str> = text.split("```toml\n").skip(1).collect();
        assert!(!blocks.is_empty(), "{page}");
        for block in blocks {
            let (recipe, _) = block.split_once("```").unwrap();
            Recipe::from_toml(recipe).unwrap_or_else(|error| panic!("{page}: {error}\n{recipe}"));
        }
    }
}

/// The forms of operations that the table of `docs/transfer.md` begins its rows with can be read.
#[test]
fn operations_can_be_read() {
    let (_, table) = PAGES[2].1.split_once("| operation |").unwrap();
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let mut count = 0;
    for row in rows {
        let cell = row.split('|').nth(1).unwrap();
        let mut words = cell.split('`').skip(1).step_by(2);
        let first = words.next().unwrap();
        let name = first.split(':').next().unwrap();
        let shorter = words
            .filter(|word| word.starts_with(':'))
            .map(|word| format!("{name}{word}"));
        for form in shorter.chain([first.to_owned()]) {
            // What an option must be given is not in the table.
            let known = form.parse::<Op>().err().map(|error| error.to_string());
            assert!(
                known
                    .as_ref()
                    .is_none_or(|problem| problem.contains("missing field")),
                "{known:?}"
            );
            count += 1;
        }
    }
    assert!(count > 15, "{count}");
}
