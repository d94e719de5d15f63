//! A guard decides as the model does.

use proptest::prelude::*;

use super::super::decide::Decision;
use super::super::judge;
use super::super::never_ban::NeverBan;
use super::super::rule::Kind;
use super::calls::{Act, acts, rules};
use super::model::{Model, Verdict};
use super::site::Site;

fn check(decision: &Decision, (enforced, would): (Verdict, Verdict)) -> Result<(), TestCaseError> {
    let real = &decision.judged.enforced;
    prop_assert_eq!((real.level, real.left.0), (enforced.level, enforced.left));
    let is_named = enforced.by.is_empty() || enforced.by.contains(&(real.tag, real.strikes));
    prop_assert!(is_named, "{:?} {:?}", real, enforced);
    let is_operator = real.rule.as_deref() == Some(judge::OPERATOR);
    prop_assert_eq!(is_operator, real.tag.is_none() && !enforced.by.is_empty());
    prop_assert_eq!(decision.judged.would.level, would.level);
    Ok(())
}

impl Model {
    fn run(&mut self, act: &Act) -> Option<(Verdict, Verdict)> {
        match act {
            Act::Attempt(ask) => return act.call().map(|_| self.attempt(ask)),
            Act::Event(kind, ask) => return Some(self.event(&Kind::of(kind), ask)),
            Act::Operator(subject, by, lasts) => self.operator(*subject, *by, *lasts),
            Act::Lift(subject, forget) => self.lift(*subject, *forget),
            Act::Wait(ms) => self.now += ms,
        }
        None
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn a_guard_decides_as_a_model_with_plain_lists(
        file in rules(), acts in acts(), observe in prop::bool::weighted(0.1),
    ) {
        let mut site = Site { observe, never_ban: NeverBan::parse(b"10.0.0.0/8").unwrap(), ..Site::new(&file) };
        let rules = site.rules().rules.iter().map(|rule| rule.rule.clone()).collect();
        let mut model = Model::new(rules, observe);
        for act in acts {
            match (act.run(&mut site), model.run(&act)) {
                (Some(real), Some(expected)) => check(&real, expected)?,
                (real, expected) => prop_assert!(real.is_none() && expected.is_none()),
            }
        }
    }
}
