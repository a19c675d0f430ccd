//! When a job begins at a provider that queues what exceeds its concurrency (fal): first come, first served.

use super::job::Job;

/// Sets the job's beginning from the jobs accepted before it.
pub fn schedule<'a>(job: &mut Job, earlier: impl Iterator<Item = &'a Job>) {
    let Some(limit) = job.max_running.map(|limit| limit as usize) else { return };
    let ready_at_ms = job.ready_at_ms();
    // (beginning, end) of those that may still hold a place when this one is ready.
    let places: Vec<(Option<i64>, Option<i64>)> = earlier
        .filter(|other| other.provider == job.provider && other.end_ms().is_none_or(|end| end > ready_at_ms))
        .map(|other| (other.starts_at_ms, other.end_ms()))
        .collect();
    job.starts_at_ms = first_free(&places, limit, ready_at_ms);
}

/// The first time from `ready_at_ms` on, and not before anyone earlier begins, when fewer than `limit` run.
fn first_free(places: &[(Option<i64>, Option<i64>)], limit: usize, ready_at_ms: i64) -> Option<i64> {
    let mut floor = ready_at_ms;
    for (start, end) in places {
        // One that never begins and never leaves the queue keeps everyone behind it waiting.
        match (start, end) {
            (Some(start), _) => floor = floor.max(*start),
            (None, Some(end)) => floor = floor.max(*end),
            (None, None) => return None,
        }
    }
    let running = |at: i64| {
        let holds = |place: &&(Option<i64>, Option<i64>)| {
            place.0.is_some_and(|start| start <= at) && place.1.is_none_or(|end| end > at)
        };
        places.iter().filter(holds).count()
    };
    let mut times: Vec<i64> = places.iter().filter_map(|(_, end)| *end).filter(|end| *end > floor).collect();
    times.push(floor);
    times.sort_unstable();
    times.into_iter().find(|at| running(*at) < limit)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_job_waits_for_the_first_place_to_become_free() {
        assert_eq!(first_free(&[], 1, 5), Some(5));
        assert_eq!(first_free(&[(Some(0), Some(100))], 1, 5), Some(100));
        assert_eq!(first_free(&[(Some(0), Some(100)), (Some(100), Some(200))], 1, 5), Some(200));
        assert_eq!(first_free(&[(Some(0), Some(100)), (Some(0), Some(50))], 2, 5), Some(50));
    }

    #[test]
    fn a_job_behind_one_that_never_finishes_waits_for_ever() {
        assert_eq!(first_free(&[(Some(0), None)], 1, 5), None);
        assert_eq!(first_free(&[(Some(0), None), (None, None)], 2, 5), None);
        assert_eq!(first_free(&[(Some(0), None)], 2, 5), Some(5));
    }
}
