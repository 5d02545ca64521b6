//! Published claims that train nothing. `cargo run --release -p semilla-signal --example claims`
//! computes all.

#[path = "../examples/claims/suite/mod.rs"]
mod suite;

use suite::{Effort, claims};

#[test]
fn quick_claims_come_out_as_known() {
    for claim in claims()
        .into_iter()
        .filter(|claim| claim.effort == Effort::Quick)
    {
        let outcome = claim
            .run()
            .unwrap_or_else(|error| panic!("{}: {error}", claim.name));
        assert_eq!(
            outcome.holds(),
            claim.stands,
            "{} ({}): {}, published {}, ours {}",
            claim.name,
            claim.paper,
            claim.says,
            claim.published,
            outcome.ours()
        );
        assert!(
            outcome.took.as_secs() < 60,
            "{}: {:?}",
            claim.name,
            outcome.took
        );
    }
}

#[test]
fn names_are_different() {
    let mut names: Vec<&str> = claims().iter().map(|claim| claim.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
