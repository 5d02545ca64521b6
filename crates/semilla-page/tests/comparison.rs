//! The page of a comparison: what is in it, whatever was compared.

mod compared;
mod written;

use compared::{comparison, undecided};
use semilla_lab::Caveat;
use semilla_page::compare::page;
use written::{asks_nothing, ids, values};

#[test]
fn the_verdict_comes_first_in_both_languages() {
    let page = page(&comparison());
    let verdict = page.find("He does better than").unwrap();
    assert!(verdict < page.find("<figure").unwrap());
    assert!(page.contains("Evidence of a difference"));
    assert!(page.contains("He da mejores resultados que «demasiado pequeña»"));
    assert!(
        page.contains("frente a Xavier no hay pruebas"),
        "ties are said"
    );
    let mut open = undecided();
    open.verdict.caveats.push(Caveat::FewSeeds { needed: 6 });
    let open = semilla_page::compare::page(&open);
    assert!(open.contains("No evidence of a difference") && open.contains("No hay pruebas"));
    assert!(open.contains("it takes 6") && open.contains("hacen falta 6"));
    // The first differs from none, while two of the others differ from each other.
    let mut apart = undecided();
    apart.pairs[2].is_different = true;
    let apart = semilla_page::compare::page(&apart);
    assert!(apart.contains("Evidence of a difference"));
    assert!(apart.contains("He queda en primer lugar; frente a Xavier y «demasiado pequeña»"));
    assert!(apart.contains("aunque entre estas sí las hay"));
}

#[test]
fn an_interval_of_one_pair_decides_nothing() {
    let mut comparison = comparison();
    let found = &mut comparison.pairs[0].difference;
    (found.low, found.high) = (Some(0.001), Some(0.02));
    let page = page(&comparison);
    assert!(page.contains("not enough, as one of 3 pairs"));
    assert!(page.contains("which is adjusted for all of them"));
}

#[test]
fn every_section_is_there() {
    let page = page(&comparison());
    for said in [
        "Results",
        "The loss over training",
        "Learning rates",
        "Pair by pair",
        "What happens in the layers",
        "Predicted and trained",
        "How this was compared",
        "All numbers",
    ] {
        assert!(
            page.contains(&format!("<span lang=\"en\">{said}</span>")),
            "{said}"
        );
    }
    // A rate that was left out, and why.
    assert!(page.contains("behind the best rate after 10 steps"));
    // Two groups: He and Xavier share a letter, too small has another.
    assert!(page.contains(">a</td>") && page.contains(">b</td>"));
}

#[test]
fn texts_of_others_stay_texts() {
    let mut comparison = comparison();
    comparison.arms[0].name = "</script><img src=x>".to_owned();
    comparison.arms[0].recipe = "# </script><script>alert(1)</script>\nname = \"x\"".to_owned();
    comparison.data.name = "<b onclick=x>".to_owned();
    let page = page(&comparison);
    // The script of the page, and the data.
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script").count(), 2);
    assert!(!page.contains("<img") && !page.contains("<b onclick"));
}

#[test]
fn nothing_is_asked_of_a_network() {
    let page = page(&comparison());
    asks_nothing(&page);
    assert!(!page.contains("connect-src"));
}

#[test]
fn the_data_are_the_comparison() {
    let comparison = comparison();
    let page = page(&comparison);
    let (_, data) = page
        .split_once("<script type=\"application/json\" id=\"data\">")
        .unwrap();
    let (data, _) = data.split_once("</script>").unwrap();
    let read: semilla_lab::Comparison = serde_json::from_str(data).unwrap();
    assert_eq!(
        (&read.arms, &read.pairs),
        (&comparison.arms, &comparison.pairs)
    );
    assert_eq!(read.runs.len(), comparison.runs.len());
    for (read, run) in read.runs.iter().zip(&comparison.runs) {
        assert_eq!(
            (read.outcome.test, read.outcome.end),
            (run.outcome.test, run.outcome.end)
        );
    }
    // Curves are there of the runs that are drawn.
    assert!(read.runs.iter().any(|run| !run.outcome.curve.is_empty()));
}

#[test]
fn what_is_named_is_there() {
    let page = page(&comparison());
    let known = ids(&page);
    let named = [
        "aria-labelledby",
        "data-head",
        "data-csv",
        "data-save",
        "data-rows",
    ]
    .map(|attribute| values(&page, attribute));
    for id in named.concat() {
        assert!(known.contains(id), "nothing has the id {id}");
    }
}

#[test]
fn a_comparison_that_has_just_begun_has_a_page() {
    let mut comparison = comparison();
    for arm in &mut comparison.arms {
        (arm.best, arm.basin) = (None, None);
        arm.search.clear();
        arm.finals.clear();
        arm.quartiles.clear();
    }
    for list in [
        &mut comparison.verdict.leaders,
        &mut comparison.verdict.beaten,
    ] {
        list.clear();
    }
    comparison.order.clear();
    comparison.pairs.clear();
    comparison.groups.clear();
    comparison.runs.clear();
    comparison.verdict.caveats = vec![Caveat::Incomplete];
    let page = page(&comparison);
    assert!(page.contains("Not everything has been trained yet"));
}

#[test]
fn pages_are_small_and_the_same_each_time() {
    let comparison = compared::large();
    let page = page(&comparison);
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
    assert_eq!(page, semilla_page::compare::page(&comparison));
}
