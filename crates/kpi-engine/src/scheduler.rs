//! Runs a graph of jobs on a pool of workers.
//!
//! A job starts when its last parent ended, not when a level did. Among those that are ready, the one with the longest
//! remaining path goes first. A job that fails makes everything downstream of it skip.

use parking_lot::{Condvar, Mutex};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::Range;

/// Stack of a worker: deep template recursion ends in an error of the evaluator before it ends in an overflow.
const WORKER_STACK: usize = 256 << 20;

/// The jobs of a run and what must come before what, by position.
#[derive(Debug, Default, Clone)]
pub struct JobGraph {
    /// Children of each job.
    pub children: Vec<Vec<u32>>,
    /// Number of parents of each job.
    pub parents: Vec<u32>,
    /// Jobs that go before all others that are ready: seeds, whose tables tests of sources may read without saying so.
    pub first: Vec<bool>,
}

impl JobGraph {
    /// A graph of `n` jobs without edges.
    pub fn new(n: usize) -> Self {
        Self { children: vec![Vec::new(); n], parents: vec![0; n], first: vec![false; n] }
    }

    /// Says that `child` waits for `parent`. Doubled edges are allowed.
    pub fn add_edge(&mut self, parent: u32, child: u32) {
        self.children[parent as usize].push(child);
        self.parents[child as usize] += 1;
    }

    /// The length of the longest path from each job to the end of the graph; jobs on a cycle get 0.
    fn remaining_paths(&self) -> Vec<u32> {
        let n = self.parents.len();
        let mut waiting = self.parents.clone();
        let mut order: Vec<u32> = (0..n as u32).filter(|i| waiting[*i as usize] == 0).collect();
        let mut next = 0;
        while next < order.len() {
            for child in &self.children[order[next] as usize] {
                waiting[*child as usize] -= 1;
                if waiting[*child as usize] == 0 {
                    order.push(*child);
                }
            }
            next += 1;
        }
        let mut length = vec![0; n];
        for job in order.iter().rev() {
            length[*job as usize] =
                self.children[*job as usize].iter().map(|c| length[*c as usize] + 1).max().unwrap_or(0);
        }
        for (job, first) in self.first.iter().enumerate() {
            if *first {
                length[job] += n as u32;
            }
        }
        length
    }
}

/// What came of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Children may start.
    Done,
    /// Everything downstream is skipped.
    Failed,
    /// Everything downstream is skipped, and no further job starts.
    Stop,
}

/// How a job is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Do it.
    Run,
    /// Do not; this ancestor failed.
    Skip {
        /// Position of the job that failed.
        cause: u32,
    },
}

/// Hands parts of a running job (batches) to the workers: called by the job with its worker, it does some of them itself
/// and returns when all are done. After a stop those that have not begun are left out.
pub type Share<'a, W> = &'a (dyn Fn(&mut W, u32, Range<u32>) + Sync);

struct State {
    /// Parts that wait for a worker: job and part.
    parts: VecDeque<(u32, u32)>,
    /// Parts of a job that are not done, running or waiting.
    open_parts: rustc_hash::FxHashMap<u32, usize>,
    ready: BinaryHeap<(u32, Reverse<u32>)>,
    waiting: Vec<u32>,
    skip_cause: Vec<Option<u32>>,
    unfinished: usize,
    running: usize,
    stopped: bool,
    /// Jobs that begin together with the run, one for each worker: none of them is left out because another was quicker
    /// to fail than its own thread was to start.
    first_wave: usize,
}

/// Runs all jobs of `graph` on `workers` threads.
///
/// `make_worker` makes what a thread keeps between jobs (its connection); `run` does one job or records its skip.
/// Returns the positions of the jobs that never started, because a job answered [`Outcome::Stop`] or `stop` turned true.
pub fn run<W>(
    graph: &JobGraph,
    workers: usize,
    stop: &(dyn Fn() -> bool + Sync),
    make_worker: &(dyn Fn(usize) -> W + Sync),
    run: &(dyn Fn(&mut W, u32, Start) -> Outcome + Sync),
) -> Vec<u32> {
    let workers = workers.min(graph.parents.len());
    run_with_parts(
        graph,
        workers,
        stop,
        make_worker,
        &|worker, job, start, _| run(worker, job, start),
        &|_, _, _| (),
    )
}

/// As [`run`], of jobs that may hand out parts of themselves; `part` does one of them. Parts go before jobs: what began is
/// brought to its end.
pub fn run_with_parts<W>(
    graph: &JobGraph,
    workers: usize,
    stop: &(dyn Fn() -> bool + Sync),
    make_worker: &(dyn Fn(usize) -> W + Sync),
    run: &(dyn Fn(&mut W, u32, Start, Share<'_, W>) -> Outcome + Sync),
    part: &(dyn Fn(&mut W, u32, u32) + Sync),
) -> Vec<u32> {
    let n = graph.parents.len();
    if n == 0 {
        return Vec::new();
    }
    let priority = graph.remaining_paths();
    let state = Mutex::new(State {
        parts: VecDeque::new(),
        open_parts: rustc_hash::FxHashMap::default(),
        ready: (0..n as u32)
            .filter(|i| graph.parents[*i as usize] == 0)
            .map(|i| (priority[i as usize], Reverse(i)))
            .collect(),
        waiting: graph.parents.clone(),
        skip_cause: vec![None; n],
        unfinished: n,
        running: 0,
        stopped: false,
        first_wave: 0,
    });
    {
        let mut s = state.lock();
        s.first_wave = workers.max(1).min(s.ready.len());
    }
    let wake = Condvar::new();
    let started = Mutex::new(vec![false; n]);

    let part_done = |job: u32| {
        let mut s = state.lock();
        if let Some(open) = s.open_parts.get_mut(&job) {
            *open -= 1;
        }
        wake.notify_all();
    };
    let share = |worker: &mut W, job: u32, parts: Range<u32>| {
        {
            let mut s = state.lock();
            s.open_parts.insert(job, parts.len());
            s.parts.extend(parts.map(|part| (job, part)));
            wake.notify_all();
        }
        loop {
            let mut s = state.lock();
            if s.stopped || stop() {
                let before = s.parts.len();
                s.parts.retain(|(of, _)| *of != job);
                let dropped = before - s.parts.len();
                if let Some(open) = s.open_parts.get_mut(&job) {
                    *open -= dropped;
                }
            }
            if s.open_parts.get(&job).is_none_or(|open| *open == 0) {
                s.open_parts.remove(&job);
                return;
            }
            // Its own parts only: one of another job could keep this one from its end.
            match s.parts.iter().position(|(of, _)| *of == job) {
                Some(at) => {
                    let next = s.parts.remove(at);
                    drop(s);
                    if let Some((job, index)) = next {
                        part(worker, job, index);
                        part_done(job);
                    }
                }
                None => wake.wait(&mut s),
            }
        }
    };

    let work = |index: usize| {
        let mut worker = make_worker(index);
        loop {
            let (job, start) = {
                let mut s = state.lock();
                loop {
                    let stays = s.stopped && s.first_wave == 0;
                    if stays || s.unfinished == 0 || stop() {
                        s.stopped = true;
                        s.first_wave = 0;
                        wake.notify_all();
                        return;
                    }
                    if let Some((job, index)) = s.parts.pop_front() {
                        drop(s);
                        part(&mut worker, job, index);
                        part_done(job);
                        s = state.lock();
                        continue;
                    }
                    if let Some((_, Reverse(job))) = s.ready.pop() {
                        s.running += 1;
                        s.first_wave = s.first_wave.saturating_sub(1);
                        let start = match s.skip_cause[job as usize] {
                            Some(cause) => Start::Skip { cause },
                            None => Start::Run,
                        };
                        started.lock()[job as usize] = true;
                        break (job, start);
                    }
                    if s.running == 0 {
                        // Nothing runs and nothing is ready: what is left waits for itself.
                        s.stopped = true;
                        wake.notify_all();
                        return;
                    }
                    wake.wait(&mut s);
                }
            };
            let outcome = run(&mut worker, job, start, &share);
            let mut s = state.lock();
            s.running -= 1;
            s.unfinished -= 1;
            if outcome == Outcome::Stop {
                s.stopped = true;
            }
            let cause = match (start, outcome) {
                (Start::Skip { cause }, _) => Some(cause),
                (Start::Run, Outcome::Done) => None,
                (Start::Run, _) => Some(job),
            };
            for child in &graph.children[job as usize] {
                let c = *child as usize;
                if s.skip_cause[c].is_none() {
                    s.skip_cause[c] = cause;
                }
                s.waiting[c] -= 1;
                if s.waiting[c] == 0 {
                    s.ready.push((priority[c], Reverse(*child)));
                }
            }
            wake.notify_all();
        }
    };

    let workers = workers.max(1);
    std::thread::scope(|scope| {
        let work = &work;
        let mut spawned = 0;
        for index in 0..workers {
            let builder = std::thread::Builder::new()
                .name(format!("Thread-{} (worker)", index + 1))
                .stack_size(WORKER_STACK);
            if builder.spawn_scoped(scope, move || work(index)).is_ok() {
                spawned += 1;
            }
        }
        if spawned == 0 {
            // No thread could be had: the caller's own does the work, one job after the other.
            work(0);
        }
    });
    let started = started.into_inner();
    (0..n as u32).filter(|i| !started[*i as usize]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(n: usize, edges: &[(u32, u32)]) -> JobGraph {
        let mut g = JobGraph::new(n);
        for (a, b) in edges {
            g.add_edge(*a, *b);
        }
        g
    }

    fn record(
        g: &JobGraph,
        workers: usize,
        outcome: impl Fn(u32) -> Outcome + Sync,
    ) -> (Vec<(u32, Start)>, Vec<u32>) {
        let log = Mutex::new(Vec::new());
        let left = run(g, workers, &|| false, &|_| (), &|(), job, start| {
            log.lock().push((job, start));
            outcome(job)
        });
        (log.into_inner(), left)
    }

    #[test]
    fn a_child_starts_after_all_of_its_parents() {
        let g = graph(4, &[(0, 2), (1, 2), (2, 3)]);
        let (log, left) = record(&g, 3, |_| Outcome::Done);
        let place = |job| log.iter().position(|(j, _)| *j == job).unwrap();
        assert!(place(2) > place(0) && place(2) > place(1) && place(3) > place(2));
        assert!(left.is_empty());
    }

    #[test]
    fn the_longest_remaining_path_goes_first() {
        let g = graph(4, &[(1, 2), (2, 3)]);
        let (log, _) = record(&g, 1, |_| Outcome::Done);
        assert_eq!(log.iter().map(|(j, _)| *j).collect::<Vec<_>>(), [1, 2, 0, 3]);
    }

    #[test]
    fn everything_downstream_of_a_failure_is_skipped_with_its_cause() {
        let g = graph(5, &[(0, 1), (1, 2), (3, 2), (3, 4)]);
        let (log, _) = record(&g, 2, |job| if job == 0 { Outcome::Failed } else { Outcome::Done });
        let start = |job| log.iter().find(|(j, _)| *j == job).unwrap().1;
        assert_eq!(start(1), Start::Skip { cause: 0 });
        assert_eq!(start(2), Start::Skip { cause: 0 });
        assert_eq!(start(4), Start::Run);
    }

    #[test]
    fn after_a_stop_no_further_job_starts() {
        let g = graph(3, &[]);
        let (log, left) = record(&g, 1, |_| Outcome::Stop);
        assert_eq!(log.len(), 1);
        assert_eq!(left.len(), 2);
    }

    #[test]
    fn what_begins_with_the_run_is_not_left_out_by_a_quick_failure() {
        let g = graph(4, &[(0, 3)]);
        let (log, left) = record(&g, 2, |job| {
            std::thread::sleep(std::time::Duration::from_millis(if job == 0 { 0 } else { 20 }));
            if job == 0 { Outcome::Stop } else { Outcome::Done }
        });
        let mut begun: Vec<u32> = log.iter().map(|(job, _)| *job).collect();
        begun.sort_unstable();
        assert_eq!((begun, left), (vec![0, 1], vec![2, 3]));
    }

    #[test]
    fn parts_of_a_job_are_done_by_all_workers_before_it_ends() {
        let g = graph(3, &[(0, 1)]);
        let log = Mutex::new(Vec::new());
        let left = run_with_parts(
            &g,
            3,
            &|| false,
            &|_| (),
            &|worker, job, _, share| {
                if job == 0 {
                    share(worker, job, 5..25);
                    assert_eq!(log.lock().len(), 20);
                }
                Outcome::Done
            },
            &|(), job, part| {
                std::thread::sleep(std::time::Duration::from_millis(1));
                log.lock().push((job, part, std::thread::current().id()));
            },
        );
        assert!(left.is_empty());
        let log = log.into_inner();
        let mut parts: Vec<u32> = log.iter().map(|(_, part, _)| *part).collect();
        parts.sort_unstable();
        assert_eq!(parts, (5..25).collect::<Vec<_>>());
        let threads: rustc_hash::FxHashSet<_> = log.iter().map(|(_, _, thread)| *thread).collect();
        assert!(threads.len() > 1, "more than one worker took part");
    }

    #[test]
    fn one_worker_does_all_parts_itself_and_a_stop_leaves_the_rest() {
        let g = graph(1, &[]);
        let (done, stop) = (Mutex::new(0), std::sync::atomic::AtomicBool::new(false));
        run_with_parts(
            &g,
            1,
            &|| stop.load(std::sync::atomic::Ordering::Relaxed),
            &|_| (),
            &|worker, job, _, share| {
                share(worker, job, 0..100);
                Outcome::Stop
            },
            &|(), _, part| {
                *done.lock() += 1;
                stop.store(part == 6, std::sync::atomic::Ordering::Relaxed);
            },
        );
        assert_eq!(*done.lock(), 7);
    }

    #[test]
    fn a_cycle_ends_instead_of_waiting_for_ever() {
        let g = graph(3, &[(0, 1), (1, 0)]);
        let (log, left) = record(&g, 2, |_| Outcome::Done);
        assert_eq!(log, [(2, Start::Run)]);
        assert_eq!(left, [0, 1]);
    }
}
