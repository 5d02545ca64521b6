//! `docs/frameworks.md` shows the lines that run here.

const PAGE: &str = include_str!("../../../docs/frameworks.md");
const PROGRAMS: [(&str, &str); 2] = [
    ("candle", include_str!("../src/bin/candle.rs")),
    ("burn", include_str!("../src/bin/burn.rs")),
];

/// The lines between `// glue: NAME` and `// glue: end`, without their indent.
fn pieces(program: &str) -> Vec<String> {
    let pieces = program.split("// glue: ").skip(1).step_by(2);
    let lines = |piece: &str| -> Vec<String> {
        let unindented = |line: &str| line.strip_prefix("    ").unwrap_or(line).to_owned();
        let lines = piece.lines().skip(1).map(unindented);
        lines.filter(|line| !line.trim().is_empty()).collect()
    };
    pieces.map(|piece| lines(piece).join("\n")).collect()
}

#[test]
fn the_page_shows_the_glue() {
    for (name, program) in PROGRAMS {
        let pieces = pieces(program);
        assert!(pieces.len() > 1, "{name}");
        for piece in pieces {
            assert!(piece.lines().count() <= 5, "{name} has more than five lines:\n{piece}");
            assert!(PAGE.contains(&piece), "docs/frameworks.md lacks these of {name}:\n{piece}");
        }
    }
}
