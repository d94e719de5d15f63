//! The first page: what is going on, in one look.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;

use super::bans::Row as BanRow;
use super::delivery::{AlertRow, Delivery};
use super::facts::{Facts, GUARDS};
use super::frame::{Frame, Trouble, page};
use super::headline::{self, Headline};
use super::known::missing;
use super::limits::Row as KeyRow;
use super::nodes::Row as NodeRow;
use super::remarks;
use super::spark::Spark;
use super::words::{percent, rate, unix_ms};
use crate::facts::policies::Policy;
use crate::sampler::Sample;
use crate::web::app::{App, Visitor};
use crate::web::history::{Counter, Step, total};

/// How many of each the page shows.
const ALERTS: usize = 8;
const BANS: usize = 8;
/// Steps that fill the width of a chart at least: a minute.
const FEWEST_STEPS: usize = 12;

/// A number of now, with its last minutes.
struct Tile {
    name: &'static str,
    value: String,
    unit: &'static str,
    detail: String,
    class: &'static str,
    spark: Spark,
}

impl Tile {
    fn of(name: &'static str, steps: &[Step], counter: Counter) -> Self {
        let rates: Vec<f64> = steps.iter().map(|step| step.rate(counter)).collect();
        let spark = Spark::of(&rates, rates.len().max(FEWEST_STEPS));
        let value = steps.last().map_or_else(|| "–".into(), |step| rate(step.rate(counter)));
        let detail =
            if spark.highest > 0.0 { format!("peak {}", rate(spark.highest)) } else { String::new() };
        Self { name, value, unit: "/s", detail, class: "", spark }
    }

    fn detail(mut self, detail: String) -> Self {
        self.detail = if self.detail.is_empty() { detail } else { format!("{detail}, {}", self.detail) };
        self
    }

    fn bad(mut self) -> Self {
        self.class = "bad";
        self
    }
}

fn tiles(steps: &[Step]) -> Vec<Tile> {
    let share = |part: Counter, whole: Counter| {
        let (part, whole) = steps.last().map_or((0, 0), |step| (step.count(part), step.count(whole)));
        percent(part as f64 / whole.max(1) as f64)
    };
    let bans = total(steps, Counter::Bans);
    let mut banned = Tile::of("Bans by rules", steps, Counter::Bans).bad();
    banned.value = if steps.is_empty() { "–".into() } else { super::words::number(bans) };
    banned.unit = "";
    banned.detail = if steps.is_empty() { String::new() } else { format!("in {}", headline::period(steps)) };
    vec![
        Tile::of("Calls of limits", steps, Counter::Calls),
        Tile::of("Denied", steps, Counter::Denied)
            .bad()
            .detail(format!("{} of calls", share(Counter::Denied, Counter::Calls))),
        Tile::of("Would be denied (shadow)", steps, Counter::Shadow),
        Tile::of("Logins and checks of guards", steps, Counter::Attempts)
            .detail(format!("{} stopped", share(Counter::Stopped, Counter::Attempts))),
        banned,
    ]
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Page {
    frame: Frame,
    headline: Headline,
    tiles: Vec<Tile>,
    keys: Vec<KeyRow>,
    key_troubles: Vec<Trouble>,
    alerts: Vec<AlertRow>,
    alert_troubles: Vec<Trouble>,
    bans: Vec<BanRow>,
    bans_in_all: String,
    has_guards: bool,
    ban_troubles: Vec<Trouble>,
    delivery: Delivery,
    nodes: Vec<NodeRow>,
    has_calls: bool,
}

pub async fn overview(State(app): State<App>, Extension(visitor): Extension<Visitor>) -> Response {
    let (sample, facts) = tokio::join!(app.sampler.sample(), facts(&app));
    let steps = app.pages.history.steps();
    let mut frame = Frame::new(&app, &visitor, "/", "").live();
    let headline = headline_of(&app, &sample, &facts, &steps, frame.now_ms);
    frame.title.clone_from(&headline.state);
    let limits: BTreeMap<&str, &Policy> =
        facts.policies.items.iter().map(|policy| (policy.name.as_str(), policy)).collect();
    let has_endpoint = sample.sum("alert_endpoints") > 0;
    let guards = app.pages.finder.guards().len();
    let mut ban_troubles = Trouble::all("LW.BANS", &facts.bans.failures);
    ban_troubles.extend(missing(&sample, "guards", "guards", guards));
    let shown_bans = facts.bans.items.iter().take(BANS);
    page(&Page {
        tiles: tiles(if sample.answers().next().is_some() { &steps } else { &[] }),
        keys: KeyRow::all(&facts.top.items, &limits),
        key_troubles: Trouble::all("LW.TOP", &facts.top.failures),
        alerts: AlertRow::grouped(&facts.alerts.items, has_endpoint, ALERTS),
        alert_troubles: Trouble::all("LW.ALERTS RECENT", &facts.alerts.failures),
        bans: shown_bans.map(|ban| BanRow::of(ban, &facts.rules, frame.may_support.then_some("/"))).collect(),
        bans_in_all: bans_in_all(&facts),
        has_guards: sample.sum("guards") > 0 || guards > 0,
        ban_troubles,
        delivery: Delivery::of(&sample, &steps),
        nodes: NodeRow::all(&sample, &app.pages.history),
        has_calls: sample.sum("ratelimit_calls_total") + sample.sum("mratelimit_calls_total") > 0,
        headline,
        frame,
    })
}

async fn facts(app: &App) -> Arc<Facts> {
    let guards = app.pages.finder.guards();
    app.pages.overview.get((), Facts::fetch(Arc::clone(app.sampler.fleet()), guards)).await
}

fn headline_of(app: &App, sample: &Sample, facts: &Facts, steps: &[Step], now_ms: i64) -> Headline {
    let history = &app.pages.history;
    let mut wrong = remarks::of(sample, |node| history.answered(node));
    for remark in &mut wrong {
        let since = history.since(&remark.name).map(unix_ms);
        remark.since_ms = remark.since_ms.or(since);
    }
    headline::of(steps, &facts.alerts.items, &facts.bans.items, wrong, now_ms)
}

fn bans_in_all(facts: &Facts) -> String {
    let known = super::words::count(facts.bans.items.len() as i64, "ban", "bans");
    let known = if facts.more_bans { format!("more than {known}") } else { known };
    if !facts.bans.failures.is_empty() {
        return format!("{known} known");
    }
    match facts.other_guards {
        0 => format!("{known} in force"),
        others => format!("{known} in force in {GUARDS} guards, {others} more guards not asked"),
    }
}
