//! Computes all published claims and prints one table:
//! `cargo run --release -p semilla-signal --example claims`. With a path it is written there too,
//! as `docs/claims.md` is. Names of claims choose some, `--quick` those that train nothing.

mod suite;

use std::error::Error;
use std::fmt::Write;

use suite::{Effort, claims};

const HEAD: &str = "\
# Published claims

What papers say of first weights, computed with Semilla. Written by

```sh
cargo run --release -p semilla-signal --example claims docs/claims.md
```

A claim holds if every number lies within its bounds, which stand in the code
(`crates/semilla-signal/examples/claims/suite`). `cargo test -p semilla-signal` computes those that
train nothing.

| claim | paper | it says | published | ours | verdict |
| --- | --- | --- | --- | --- | --- |
";

const TAIL: &str = "
## Not reproduced

- **Accuracies on ImageNet, CIFAR and Shapeset** (Glorot 2010 table 1, He 2015 table 2, Fixup, LSUV,
  ZerO): they need data and hardware that a test does not have. Where a table says which of two starts
  trains, that is tested on small networks and handwritten digits.
- **Transfer** (Yosinski et al. 2014, table 1: 1.6 points more): not on digits of 8 × 8 pixels. Two hidden
  layers that had learned 0 to 4 were worth 0.16 points on 5 to 9 with 25 labels, and six layers
  nothing with 50 (`semilla compare`, 12 seeds). It is on Fashion-MNIST: a trunk of 30,000 images is
  worth 5.6 points (2.4 to 8.8) with one label a class, 5.3 (1.8 to 8.8) with three, nothing from 30 on
  ([benchmarks.md](benchmarks.md#do-pretrained-weights-pay)).
- **The adding problem** (Le 2015): only that gradients of the recurrence stay is computed.
- **Five and more epochs of 10,000-layer networks** (Xiao 2018): the critical point and the isometry
  are.
- **T-Fixup, Mimetic, MetaInit and GradInit tables**: they train transformers or large networks.
";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (flags, others): (Vec<&String>, Vec<&String>) =
        arguments.iter().partition(|text| *text == "--quick");
    let (paths, names): (Vec<&String>, Vec<&String>) =
        others.into_iter().partition(|text| text.ends_with(".md"));
    let mut text = HEAD.to_owned();
    let mut is_as_known = true;
    for claim in claims() {
        let is_named = names.is_empty() || names.iter().any(|name| *name == claim.name);
        let is_wanted = flags.is_empty() || claim.effort == Effort::Quick;
        if !is_named || !is_wanted {
            continue;
        }
        let outcome = claim.run()?;
        let verdict = match (outcome.holds(), claim.stands) {
            (true, true) => "holds",
            (false, false) => "does not hold",
            (true, false) => "holds, against what was found before",
            (false, true) => "DOES NOT HOLD HERE",
        };
        is_as_known &= outcome.holds() == claim.stands;
        println!(
            "{:<20} {verdict:<14} {:>6.1} s  {}",
            claim.name,
            outcome.took.as_secs_f64(),
            outcome.ours()
        );
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {verdict} |",
            claim.name,
            claim.paper,
            claim.says,
            claim.published,
            outcome.ours()
        )?;
    }
    text.push_str(TAIL);
    if let Some(path) = paths.first() {
        std::fs::write(path, text)?;
    }
    match is_as_known {
        true => Ok(()),
        false => Err("a claim came out otherwise than it is known".into()),
    }
}
