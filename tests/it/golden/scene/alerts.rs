//! Alerts: delivered, failing, dead, replayed, discarded, suppressed and rolled up.

use crate::support::receiver::Answer;
use crate::support::{Client, wait_until};

use super::{HOUR, SECOND, Scene};

/// An alert is dead after this number of tries.
const TRIES: i64 = 10;

impl Scene<'_> {
    /// Ends with two dead letters, one alert that an endpoint did not take yet, and an endpoint
    /// that is disabled.
    pub(super) fn lose_and_queue_alerts(&mut self) {
        self.around.gone.answer(Answer::status(410));
        // An endpoint that was disabled before is enabled again.
        let urls = self.client.get("webhook-urls");
        self.client.set("webhook-urls", &urls);
        self.around.failing.answer(Answer::status(200));
        let is_empty = |client: &mut Client| client.alert_info("queued") + client.audit_info("pending") == 0;
        self.pass_until("what the act before has left is delivered and shipped", 20 * SECOND, is_empty);
        self.lose("$.lost");
        self.lose("$.replayed");
        let id = self.alert("$.waits");
        let (taking, failing) = (self.around.taking.label(), self.around.failing.label());
        wait_until("one endpoint takes the alert, and one does not", || {
            let pending = self.client.waiting_for(&id).map(|alert| alert.pending).unwrap_or_default();
            let fails = pending.iter().any(|it| it.endpoint == failing && it.tries == 1);
            fails && pending.iter().all(|it| it.endpoint != taking)
        });
    }

    fn alert(&mut self, kind: &str) -> String {
        let kind = self.named(kind);
        self.client.alert(&kind, r#"{"free_bytes":0}"#)
    }

    /// Raises an alert that becomes a dead letter. The endpoint has then taken another one, so that
    /// it is tried again.
    fn lose(&mut self, kind: &str) {
        self.around.failing.answer(Answer::status(503));
        let id = self.alert(kind);
        let failing = self.around.failing.label();
        for tries in 1..=TRIES {
            wait_until("a try fails", || {
                let alert = self.client.waiting_for(&id);
                let pending = alert.into_iter().flat_map(|alert| alert.pending);
                let failed =
                    pending.filter(|pending| pending.endpoint == failing).any(|it| it.tries == tries);
                failed || self.client.dead().iter().any(|dead| dead.id == id)
            });
            self.pass(15 * HOUR);
        }
        self.around.failing.answer(Answer::status(200));
        let fine = self.alert("$.fine");
        self.pass_until("the endpoint works again", 20 * SECOND, |client| {
            client.waiting_for(&fine).is_none()
        });
        self.around.failing.answer(Answer::status(503));
    }

    /// Alerts that wait because nothing is sent.
    pub(super) fn queue_more_alerts(&mut self) {
        let dead = self.client.dead();
        let replayed = self.named("$.replayed");
        let letter = dead.iter().find(|dead| dead.kind == replayed).expect("a dead letter");
        self.run(&format!("LW.ALERTS REPLAY {}", letter.id));
        // That of the act before.
        if let Some(old) = dead.iter().find(|dead| !dead.kind.starts_with(self.act)) {
            self.run(&format!("LW.ALERTS DISCARD {}", old.id));
        }
        self.run("LW.ALERT $.disk {\"free\":[0,1.5,null]} DEDUP /var COOLDOWN 20d");
        self.run("LW.ALERT $.disk {} DEDUP /home COOLDOWN 1h");
        let id = self.run("LW.ALERT $.discarded {}").text();
        self.run(&format!("LW.ALERTS DISCARD {id}"));
        self.run("LW.ALERT $.text \"\\u00e4\"");
    }

    /// More alerts of one type than are sent singly. The summary is due in ten seconds.
    pub(super) fn leave_a_summary(&mut self) {
        (0..11).for_each(|n| drop(self.run(&format!("LW.ALERT $.storm {n}"))));
    }
}
