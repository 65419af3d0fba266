//! The gap map as the manifest tells it: in order, and no time of a channel twice.

use super::manifest::{Gap, Reason};

/// Sorts, joins what touches, and cuts what overlaps. What was dropped comes first: nothing else is known of it.
pub fn in_order(gaps: Vec<Gap>, duration_ms: u64) -> Vec<Gap> {
    let (dropped, others): (Vec<Gap>, Vec<Gap>) = gaps
        .into_iter()
        .partition(|gap| gap.reason == Reason::Dropped);
    let dropped = joined(dropped, duration_ms);
    let cut = others
        .into_iter()
        .flat_map(|gap| outside(gap, &dropped))
        .collect();
    let mut all = joined(cut, duration_ms);
    all.extend(dropped);
    joined(all, duration_ms)
}

fn joined(mut gaps: Vec<Gap>, duration_ms: u64) -> Vec<Gap> {
    gaps.sort_by_key(|gap| (gap.channel, gap.from_ms, gap.to_ms));
    let mut joined: Vec<Gap> = Vec::with_capacity(gaps.len());
    for mut gap in gaps {
        gap.to_ms = gap.to_ms.min(duration_ms);
        match joined.last_mut() {
            Some(last) if last.channel == gap.channel && gap.from_ms <= last.to_ms => {
                if last.reason == gap.reason {
                    last.to_ms = last.to_ms.max(gap.to_ms);
                    continue;
                }
                gap.from_ms = last.to_ms;
            }
            Some(_) | None => {}
        }
        if gap.from_ms < gap.to_ms {
            joined.push(gap);
        }
    }
    joined
}

/// What of a gap lies in none of the others, which are in order.
fn outside(gap: Gap, others: &[Gap]) -> Vec<Gap> {
    let mut rest = vec![gap];
    for other in others.iter().filter(|other| other.channel == gap.channel) {
        let Some(last) = rest.pop() else {
            break;
        };
        let before = Gap {
            to_ms: last.to_ms.min(other.from_ms),
            ..last
        };
        let after = Gap {
            from_ms: last.from_ms.max(other.to_ms),
            ..last
        };
        let parts = [before, after];
        rest.extend(parts.into_iter().filter(|part| part.from_ms < part.to_ms));
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_dropped_wins_and_what_touches_is_one() {
        let gap = |from_ms, to_ms, reason| Gap {
            channel: 0,
            from_ms,
            to_ms,
            reason,
        };
        let ordered = in_order(
            vec![
                gap(5_000, 9_000, Reason::Silent),
                gap(1_000, 4_000, Reason::Hold),
                gap(2_500, 3_000, Reason::Dropped),
                gap(2_000, 2_500, Reason::Dropped),
                gap(7_900, 12_000, Reason::Lost),
            ],
            10_000,
        );
        assert_eq!(
            ordered,
            [
                gap(1_000, 2_000, Reason::Hold),
                gap(2_000, 3_000, Reason::Dropped),
                gap(3_000, 4_000, Reason::Hold),
                gap(5_000, 9_000, Reason::Silent),
                gap(9_000, 10_000, Reason::Lost),
            ]
        );
    }

    #[test]
    fn channels_have_their_own_times() {
        let gap = |channel| Gap {
            channel,
            from_ms: 0,
            to_ms: 10,
            reason: Reason::Mute,
        };
        assert_eq!(in_order(vec![gap(1), gap(0)], 10), [gap(0), gap(1)]);
    }
}
