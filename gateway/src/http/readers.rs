//! Who reads events: each is a look into the file whenever something happens, so there are so many seats, and nobody
//! takes all of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::problem::Problem;

/// The seats, by who has them.
#[derive(Debug, Clone, Default)]
pub(super) struct Readers(Arc<Mutex<HashMap<String, usize>>>);

/// A reader's place, until it is dropped.
#[derive(Debug)]
#[must_use]
pub(super) struct Seat {
    readers: Readers,
    caller: String,
}

impl Readers {
    /// # Errors
    ///
    /// This caller reads as often as one may, or all together do.
    pub(super) fn admit(&self, caller: &str) -> Result<Seat, Problem> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.values().sum::<usize>() >= AT_MOST {
            return Err(Problem::unavailable(
                "Too many read events already; try again later.",
            ));
        }
        let own = taken.entry(caller.to_owned()).or_default();
        if *own >= EACH_AT_MOST {
            return Err(Problem::too_many(format!(
                "You read events over {EACH_AT_MOST} connections already; close one."
            )));
        }
        *own += 1;
        Ok(Seat {
            readers: self.clone(),
            caller: caller.to_owned(),
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self
            .readers
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.caller) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.caller);
            }
        }
    }
}

const AT_MOST: usize = 256;

/// A token's subject: every tab of an agent, every worker of a back end.
const EACH_AT_MOST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_the_others_seats() {
        let readers = Readers::default();
        let status = |caller: &str| readers.admit(caller).map_err(|problem| problem.status);
        let greedy: Vec<Seat> = std::iter::from_fn(|| status("crm").ok()).collect();
        assert_eq!(greedy.len(), EACH_AT_MOST);
        assert_eq!(status("crm").expect_err("too many"), 429);
        let mut seats = greedy;
        for caller in 1..AT_MOST / EACH_AT_MOST {
            let caller = format!("crm{caller}");
            seats.extend(std::iter::from_fn(|| status(&caller).ok()));
        }
        assert_eq!(seats.len(), AT_MOST);
        assert_eq!(status("agent7").expect_err("full"), 503);
        seats.pop();
        drop(status("agent7").expect("one is free"));
        seats.clear();
        assert!(status("crm").is_ok());
        assert_eq!(readers.0.lock().expect("whole").len(), 0);
    }
}
