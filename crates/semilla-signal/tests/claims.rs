//! Published claims that train nothing. `cargo run --release -p semilla-signal --example claims`
//! computes all.

#[path = "../examples/claims/suite/mod.rs"]
mod suite;

use suite::{Effort, claims};

#[test]
fn quick_claims_come_out_as_known() {
    let mut others = Vec::new();
    for claim in claims() {
        if claim.effort != Effort::Quick {
            continue;
        }
        let outcome = claim
            .run()
            .unwrap_or_else(|error| panic!("{}: {error}", claim.name));
        if outcome.holds() != claim.stands {
            others.push(format!(
                "{} ({}): {}, published {}, ours {}",
                claim.name,
                claim.paper,
                claim.says,
                claim.published,
                outcome.ours()
            ));
        }
        let took = outcome.took.as_secs();
        assert!(took < 60, "{}: {took} s", claim.name);
    }
    assert!(others.is_empty(), "{others:#?}");
}

#[test]
fn names_are_different() {
    let mut names: Vec<&str> = claims().iter().map(|claim| claim.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
