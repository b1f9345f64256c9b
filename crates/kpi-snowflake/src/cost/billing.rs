//! For which seconds a warehouse is paid, and which statement had which share of them.
//!
//! A cluster is billed by the second while it runs, and for at least a minute each time it starts. A run pays for the
//! seconds in which at least one of its statements computed; statements that compute at the same moment share it. What a
//! cluster idles before it suspends is not counted: nobody knows beforehand when the next statement comes.

/// The least that is billed when a cluster starts, in seconds.
const MINIMUM: f64 = 60.0;

/// A statement on a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Use {
    /// When it began to compute, in milliseconds.
    pub start: i64,
    /// When it ended.
    pub end: i64,
    /// It waited for the cluster to start.
    pub resumed: bool,
}

/// What a cluster is paid for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Billed {
    /// Seconds of each statement, in the order of the statements: their sum is `billed`.
    pub shares: Vec<f64>,
    /// Seconds in which at least one statement computed.
    pub active: f64,
    /// The same, at least a minute after each start.
    pub billed: f64,
    /// How often the cluster was started.
    pub resumes: u64,
}

/// A time without a pause, with the statements that lie in it.
struct Period {
    seconds: f64,
    resumed: bool,
    uses: Vec<usize>,
}

/// Divides the time of one cluster among its statements.
pub(crate) fn bill(uses: &[Use]) -> Billed {
    let mut order: Vec<usize> = (0..uses.len()).collect();
    order.sort_by_key(|i| (uses[*i].start, uses[*i].end));
    let mut billed = Billed { shares: shares(uses), ..Billed::default() };
    let mut periods: Vec<Period> = Vec::new();
    let mut until = i64::MIN;
    let mut start = 0;
    for i in order {
        let one = uses[i];
        let end = one.end.max(one.start);
        if periods.is_empty() || one.start > until {
            periods.push(Period { seconds: 0.0, resumed: false, uses: Vec::new() });
            (start, until) = (one.start, end);
        }
        until = until.max(end);
        if let Some(period) = periods.last_mut() {
            period.seconds = (until - start) as f64 / 1000.0;
            period.resumed |= one.resumed;
            period.uses.push(i);
        }
    }
    // From a start to the next one at least a minute is paid.
    let mut rest = periods.as_slice();
    while let Some(first) = rest.first() {
        let length = 1 + rest[1..].iter().take_while(|period| !period.resumed).count();
        let (run, after) = rest.split_at(length);
        let active: f64 = run.iter().map(|period| period.seconds).sum();
        billed.active += active;
        let paid = if first.resumed { active.max(MINIMUM) } else { active };
        billed.billed += paid;
        billed.resumes += u64::from(first.resumed);
        let extra = paid - active;
        if extra > 0.0 {
            let members = || run.iter().flat_map(|period| period.uses.iter().copied());
            let count = members().count().max(1) as f64;
            for i in members() {
                // What took no time takes an equal part.
                let part = if active > 0.0 { billed.shares[i] / active } else { 1.0 / count };
                billed.shares[i] += extra * part;
            }
        }
        rest = after;
    }
    billed
}

/// The seconds of each statement, moments with several of them divided equally: one sweep over begins and ends.
fn shares(uses: &[Use]) -> Vec<f64> {
    let mut edges: Vec<(i64, i32, usize)> = Vec::with_capacity(uses.len() * 2);
    for (i, one) in uses.iter().enumerate() {
        edges.push((one.start, 1, i));
        edges.push((one.end.max(one.start), -1, i));
    }
    // Begins before ends: what takes no time still ends after it began.
    edges.sort_by_key(|(at, step, _)| (*at, -step));
    let mut shares = vec![0.0; uses.len()];
    // A statement's share is how much of this sum grew while it ran.
    let mut sum = 0.0;
    let mut running = 0_i32;
    let mut before = i64::MIN;
    for (at, step, i) in edges {
        if running > 0 && at > before {
            sum += (at - before) as f64 / 1000.0 / f64::from(running);
        }
        before = at;
        running += step;
        match step {
            1 => shares[i] = -sum,
            _ => shares[i] += sum,
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(start: i64, end: i64, resumed: bool) -> Use {
        Use { start: start * 1000, end: end * 1000, resumed }
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn a_moment_is_paid_once_however_many_share_it() {
        let billed = bill(&[one(0, 10, false), one(0, 10, false), one(5, 15, false), one(20, 21, false)]);
        assert!(close(billed.active, 16.0) && close(billed.billed, 16.0), "{billed:?}");
        let expected = [2.5 + 5.0 / 3.0, 2.5 + 5.0 / 3.0, 5.0 / 3.0 + 5.0, 1.0];
        assert!(billed.shares.iter().zip(expected).all(|(a, b)| close(*a, b)), "{billed:?}");
        assert_eq!(billed.resumes, 0);
    }

    #[test]
    fn a_start_costs_a_minute_at_least() {
        let billed = bill(&[one(0, 10, true), one(5, 20, true)]);
        assert!(close(billed.active, 20.0) && close(billed.billed, 60.0), "{billed:?}");
        assert_eq!(billed.resumes, 1);
        assert!(close(billed.shares.iter().sum(), 60.0), "{billed:?}");
        assert!(close(billed.shares[0], 22.5), "7.5 of 20 seconds: {billed:?}");
        // What comes later belongs to the same start, until the next one.
        let billed = bill(&[one(0, 10, true), one(100, 160, false), one(500, 501, true)]);
        assert!(close(billed.billed, 70.0 + 60.0), "{billed:?}");
        assert_eq!(billed.resumes, 2);
        assert!(close(billed.shares.iter().sum(), 130.0), "{billed:?}");
    }

    #[test]
    fn shares_always_sum_to_what_is_billed() {
        // Many overlapping statements, some without length, some with ends before their begins.
        let uses: Vec<Use> = (0_i64..500)
            .map(|i| {
                let start = (i * 7919) % 1000;
                Use { start, end: start + (i * 104_729) % 400 - 20, resumed: i % 97 == 0 }
            })
            .collect();
        let billed = bill(&uses);
        let sum: f64 = billed.shares.iter().sum();
        assert!((sum - billed.billed).abs() < 1e-6, "{sum} {}", billed.billed);
        assert!(billed.shares.iter().all(|share| *share >= -1e-9));
        assert_eq!(bill(&[]), Billed::default());
        let still = bill(&[one(1, 1, true), one(1, 1, false)]);
        assert!(close(still.billed, 60.0) && close(still.shares[0], 30.0), "{still:?}");
    }
}
