//! Raises alerts for the strangest subjects.

use anyhow::{Result, anyhow};
use redis::{Value, cmd};

use super::findings::Findings;
use super::report::data;
use super::score::Strange;
use super::standing::Standing;

/// Alerts that a run raises, at most.
const MOST: usize = 10;
const TYPE: &str = "hunt.strange";

/// Raises alerts for those that had none in the last day, the strangest first. Returns how many
/// were raised, and how many were passed over because they had one.
pub(super) async fn raise(
    findings: &Findings,
    standing: &Standing,
    guard: &str,
    least_score: f64,
) -> Result<(usize, usize)> {
    let mut strange: Vec<&Strange> = findings.rankings().flat_map(|ranking| &ranking.strangest).collect();
    strange.retain(|it| it.score >= least_score);
    strange.sort_by(|one, other| other.score.total_cmp(&one.score).then_with(|| one.name.cmp(&other.name)));
    // Alerts are remembered by a node, so that every run has to ask the same one.
    let node = standing.fleet().primary_of(guard.as_bytes())?;
    let (mut raised, mut repeated) = (0, 0);
    for it in strange {
        if raised == MOST {
            break;
        }
        let mut command = cmd("LW.ALERT");
        command.arg(TYPE).arg(data(it).to_string());
        command.arg("DEDUP").arg([it.name.sort().as_bytes(), b" ", &it.name.bytes()].concat());
        command.arg("COOLDOWN").arg("1d");
        let answer = node.write(&command).await;
        match answer.map_err(|why| anyhow!("{}: an alert can't be raised: {why}", node.name()))? {
            Value::Nil => repeated += 1,
            _ => raised += 1,
        }
    }
    Ok((raised, repeated))
}
