//! The timeline as a drawing and as tables: bars of records delivered above a line, attempts that failed below it. The
//! drawing is made of attributes alone, because the pages allow no style of their own.

use super::Web;
use super::error::WebError;
use super::wording::{count, thousands};
use crate::domain::id::OrganizationId;
use crate::domain::timeline::{Slot, Timeline};

/// The drawing's size, in its own units.
const WIDTH: u64 = 720;
const LINE: u64 = 88;
const HIGHEST: u64 = 80;
const DEEPEST: u64 = 24;
/// What happened at all is seen.
const LOWEST: u64 = 3;
const GAP: u64 = 4;

/// The last day and the last month.
#[derive(Clone)]
pub(super) struct TimelineView {
    pub(super) charts: Vec<ChartView>,
}

/// One span of time.
#[derive(Clone)]
pub(super) struct ChartView {
    /// Unique on the page.
    pub(super) id: &'static str,
    /// `Last 24 hours`.
    pub(super) title: &'static str,
    /// `1,234 records delivered, 2 failed attempts.`
    pub(super) summary: String,
    pub(super) bars: Vec<BarView>,
    /// Where it begins.
    pub(super) first: String,
    /// `Hour` or `Day`, in UTC.
    pub(super) unit: &'static str,
    /// The slots in which something happened, newest first.
    pub(super) rows: Vec<SlotRow>,
}

/// One slot as a bar up and a bar down.
#[derive(Clone)]
pub(super) struct BarView {
    pub(super) x: u64,
    pub(super) width: u64,
    pub(super) y: u64,
    pub(super) height: u64,
    /// Below the line.
    pub(super) depth: u64,
    /// What it says when one points at it.
    pub(super) label: String,
}

/// One slot in the table.
#[derive(Clone)]
pub(super) struct SlotRow {
    pub(super) label: String,
    pub(super) delivered: String,
    pub(super) failures: String,
}

impl TimelineView {
    pub(super) fn new(timeline: &Timeline) -> TimelineView {
        let hour = |slot: &Slot| format!("{} {}", date(slot), slot.start.hour_and_minute());
        TimelineView {
            charts: vec![
                chart("timeline-hours", "Last 24 hours", "Hour (UTC)", &timeline.hours, hour),
                chart("timeline-days", "Last 30 days", "Day (UTC)", &timeline.days, date),
            ],
        }
    }

    /// Where the line is.
    pub(super) fn line(&self) -> u64 {
        LINE
    }
}

/// An organization's; none where nothing was delivered and nothing failed.
pub(super) async fn of(web: &Web, organization: OrganizationId) -> Result<Option<TimelineView>, WebError> {
    let timeline = web.store.timeline(organization).await?;
    Ok((!timeline.is_empty()).then(|| TimelineView::new(&timeline)))
}

/// `2026-11-24`.
fn date(slot: &Slot) -> String {
    slot.start.exact().chars().take(10).collect()
}

fn chart(
    id: &'static str,
    title: &'static str,
    unit: &'static str,
    slots: &[Slot],
    name: impl Fn(&Slot) -> String,
) -> ChartView {
    let total = |of: fn(&Slot) -> u64| slots.iter().map(of).sum::<u64>();
    let (delivered, failures) = (total(|slot| slot.delivered), total(|slot| slot.failures));
    let happened = slots.iter().rev().filter(|slot| slot.delivered > 0 || slot.failures > 0);
    ChartView {
        id,
        title,
        unit,
        summary: format!("{} delivered, {}.", count(delivered, "record"), count(failures, "failed attempt")),
        bars: bars(slots, &name),
        first: slots.first().map(&name).unwrap_or_default(),
        rows: happened
            .map(|slot| SlotRow {
                label: name(slot),
                delivered: thousands(slot.delivered),
                failures: thousands(slot.failures),
            })
            .collect(),
    }
}

fn bars(slots: &[Slot], name: impl Fn(&Slot) -> String) -> Vec<BarView> {
    let most = |of: fn(&Slot) -> u64| slots.iter().map(of).max().unwrap_or(0);
    let (most_delivered, most_failures) = (most(|slot| slot.delivered), most(|slot| slot.failures));
    let step = WIDTH / (slots.len() as u64).max(1);
    let bar = |(place, slot): (u64, &Slot)| {
        let height = scaled(slot.delivered, most_delivered, HIGHEST);
        BarView {
            x: place * step + GAP / 2,
            width: step - GAP,
            y: LINE - height,
            height,
            depth: scaled(slot.failures, most_failures, DEEPEST),
            label: format!(
                "{}: {} delivered, {}",
                name(slot),
                count(slot.delivered, "record"),
                count(slot.failures, "failed attempt")
            ),
        }
    };
    (0..).zip(slots).map(bar).collect()
}

fn scaled(value: u64, most: u64, room: u64) -> u64 {
    match value {
        0 => 0,
        // Neither a large number nor the smallest gets out of the drawing.
        _ => u64::try_from(u128::from(value) * u128::from(room) / u128::from(most.max(1)))
            .unwrap_or(room)
            .clamp(LOWEST, room),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Timestamp;
    use crate::domain::timeline::HourCount;

    #[test]
    fn bars_stay_in_the_drawing_and_what_is_small_is_seen() {
        let now: Timestamp = "2026-11-24T14:05:00Z".parse().unwrap();
        let earlier = now - std::time::Duration::from_secs(3600);
        let counts = [
            HourCount { at: now, delivered: 1, failures: 0 },
            HourCount { at: earlier, delivered: u64::MAX / 4, failures: 7 },
        ];
        let view = TimelineView::new(&Timeline::new(now, &counts));
        let hours = &view.charts[0];
        assert_eq!((hours.bars[23].height, hours.bars[23].depth), (LOWEST, 0));
        assert_eq!((hours.bars[22].height, hours.bars[22].depth, hours.bars[22].y), (HIGHEST, DEEPEST, 8));
        assert_eq!((hours.bars[21].height, hours.bars[21].depth), (0, 0));
        assert!(hours.bars.iter().all(|bar| bar.x + bar.width <= WIDTH && bar.height <= LINE));
        assert_eq!(hours.bars[22].label.split(':').next(), Some("2026-11-24 13"));
        assert_eq!(hours.rows.len(), 2);
        assert_eq!(view.charts[1].rows[0].label, "2026-11-24");
        assert!(view.charts[1].summary.ends_with(" records delivered, 7 failed attempts."));
    }
}
