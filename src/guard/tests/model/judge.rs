//! What stands against a call of the model.

use super::super::super::judge::Level;
use super::super::super::rule::Tag;
use super::{Ask, At, By, Model, NETWORKS, Stand, Subject, Verdict};

impl Model {
    pub(super) fn knows(&self, ask: &Ask) -> bool {
        self.known.iter().any(|(user, at)| {
            let is_there = match at {
                At::Address(_) => false,
                At::Network(network) => ask.address.map(|at| NETWORKS[at] as usize) == Some(*network),
                At::Device(device) => ask.device == Some(*device),
            };
            ask.user == Some(*user) && is_there
        })
    }

    pub(super) fn pair(&self, ask: &Ask) -> Option<Subject> {
        let user = ask.user?;
        let device = ask.device.filter(|device| self.known.contains(&(user, At::Device(*device))));
        let network = ask.address.map(|at| At::Network(NETWORKS[at] as usize));
        let network = network.filter(|network| self.known.contains(&(user, *network)));
        let at = device.map(At::Device).or(network).or(ask.address.map(At::Address))?;
        Some(Subject::Pair(user, at))
    }

    pub(super) fn live(&self, subject: Subject) -> impl Iterator<Item = &Stand> {
        let now = self.now;
        self.stands.iter().filter(move |one| one.subject == subject && one.until > now)
    }

    /// Whether an allow entry of the address or key holds.
    pub(super) fn is_allowed(&self, ask: &Ask) -> bool {
        let has = |subject, by| self.live(subject).any(|one| one.by == by);
        let own = ask.address.map(Subject::Address);
        let net = ask.address.filter(|at| *at < 2).map(|_| Subject::Net);
        let by_address = match (own, net) {
            (Some(own), _) if has(own, By::Allow) => true,
            (Some(own), _) if has(own, By::Operator) => false,
            (_, Some(net)) => has(net, By::Allow),
            _ => false,
        };
        by_address || ask.key.is_some_and(|key| has(Subject::Key(key), By::Allow))
    }

    /// The enforced verdict and the one with what is observed.
    pub(in super::super) fn judge(&self, ask: &Ask) -> (Verdict, Verdict) {
        if self.is_allowed(ask) {
            return Default::default();
        }
        let mut found: Vec<Found> = Vec::new();
        let is_known = self.knows(ask);
        let is_spared =
            ask.user.is_some_and(|user| self.live(Subject::User(user)).any(|one| one.by == By::Allow));
        let pair = self.pair(ask).map(|pair| (1, pair, is_spared));
        let key = ask.key.map(|key| (2, Subject::Key(key), false));
        let address = ask.address.map(|at| (2, Subject::Address(at), false)).filter(|_| !is_known);
        let wide =
            ask.address.filter(|at| (3..5).contains(at) && !is_known).map(|_| (2, Subject::Wide, false));
        let user = ask.user.map(|user| (3, Subject::User(user), is_known || is_spared));
        for (rank, subject, spared) in [pair, key, address, wide, user].into_iter().flatten() {
            for one in self.live(subject) {
                let By::Rule(tag) = one.by else { continue };
                // The denial of a pair ends with its challenge.
                if spared && (one.is_challenge || !one.denies) {
                    continue;
                }
                let level = if one.denies { Level::Deny } else { Level::Challenge };
                found.push((level, rank, one.until - self.now, one.observed, (Some(tag), one.strikes)));
            }
        }
        let named = [ask.user.map(Subject::User), ask.key.map(Subject::Key)].into_iter().flatten();
        let mut operators: Vec<u64> = self.of_operators(named);
        // The longest prefix decides.
        let own = self.of_operators(ask.address.map(Subject::Address));
        let net = self.of_operators(ask.address.filter(|at| *at < 2).map(|_| Subject::Net));
        operators.extend(if own.is_empty() { net } else { own });
        found.extend(operators.into_iter().map(|left| (Level::Deny, 0, left, false, (None, 0))));
        let enforced = strongest(found.iter().filter(|one| !one.3 && !self.observe));
        (enforced, strongest(found.iter()))
    }

    fn of_operators(&self, subjects: impl IntoIterator<Item = Subject>) -> Vec<u64> {
        let of = |subject| self.live(subject).filter(|one| one.by == By::Operator);
        subjects.into_iter().flat_map(of).map(|one| one.until - self.now).collect()
    }
}

type Found = (Level, u8, u64, bool, (Option<Tag>, u8));

fn strongest<'a>(found: impl Iterator<Item = &'a Found> + Clone) -> Verdict {
    let weight = |one: &Found| (one.0, std::cmp::Reverse(one.1), one.2);
    let Some(best) = found.clone().map(weight).max() else { return Verdict::default() };
    let by = found.filter(|one| weight(one) == best).map(|one| one.4).collect();
    Verdict { level: best.0, left: best.2, by }
}
