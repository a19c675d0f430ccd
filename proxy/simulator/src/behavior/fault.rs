//! Faults of the wire beside the behaviours: a good job whose answer, callback or output goes wrong on its way. They
//! are further optional keys of the control routes and change nothing where they are not asked for.

use serde::{Deserialize, Serialize};

/// Submissions from the beginning of one burst to the beginning of the next.
const BURST_PERIOD: u64 = 20;
/// Submissions of a burst.
const BURST_LENGTH: u64 = 5;

/// What goes wrong with an accepted submission. Names are those of the control routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The job is accepted, then the connection is closed without an answer.
    ResetAfterAccept,
    /// The answer's status is good and its body stops in the middle.
    TruncatedJson,
    /// The answer's body comes a byte at a time.
    SlowBody,
    /// Every twentieth submission begins a burst of five that are throttled.
    ThrottleBursts,
    /// The callback of the finished job arrives before the submission is answered.
    WebhookFirst,
    /// Callbacks are delivered twice.
    WebhookTwice,
    /// Callbacks are signed over another body.
    WebhookBadSignature,
    /// A cancelled job is reported as succeeded by a late callback.
    WebhookLateAfterCancel,
    /// Output URLs answer 404.
    #[serde(rename = "output_404")]
    Output404,
    /// Outputs are HTML pages.
    OutputWrongType,
    /// One output of a group is an error, where the provider reports outputs one by one.
    PartialError,
}

impl Fault {
    /// What the fault is for the submission with that number: a burst meets only some of them.
    pub fn at(self, number: u64, seed: u64) -> Option<Self> {
        let hit = self != Self::ThrottleBursts || number.wrapping_add(seed) % BURST_PERIOD < BURST_LENGTH;
        hit.then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_meets_five_of_twenty_in_a_row() {
        let hits: Vec<u64> = (0..40).filter(|number| Fault::ThrottleBursts.at(*number, 0).is_some()).collect();
        assert_eq!(hits, [0, 1, 2, 3, 4, 20, 21, 22, 23, 24]);
        assert_eq!(Fault::SlowBody.at(7, 0), Some(Fault::SlowBody));
    }
}
