//! How a try at a provider went wrong, in our terms. Not the provider's words: those stay inside and reach no customer.

use ledger_contract::{ErrorCode, Provider, ProviderError};

/// What became of the job when an attempt failed: decides repeats, `retryable` and whether to cancel upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The provider certainly accepted nothing.
    Refused {
        /// The same request may succeed a moment later.
        transient: bool,
    },
    /// The provider may have accepted and may be running the job.
    InDoubt,
    /// The provider accepted and the job is over, without output.
    Ended,
}

/// One failed try at a provider (reference: providers §10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderFailure {
    /// BSE4001–BSE4007.
    pub code: ErrorCode,
    /// Our words, fit for a customer.
    pub message: String,
    /// What became of the job.
    pub standing: Standing,
    /// Only an operator can mend this: a key, an account, a model id.
    pub alert: bool,
}

/// The normalised classes of providers §10; each has one code and one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    AuthFailed,
    ModelNotFound,
    OutOfCredit,
    ContentPolicy,
    InvalidInput,
    RateLimited,
    Overloaded,
    Fault,
    Timeout,
    Cancelled,
}

impl Class {
    fn code(self) -> ErrorCode {
        match self {
            Self::AuthFailed | Self::ModelNotFound | Self::Fault | Self::Cancelled => ErrorCode::ProviderError,
            Self::OutOfCredit => ErrorCode::ProviderCreditsExhausted,
            Self::ContentPolicy => ErrorCode::ProviderContentRejected,
            Self::InvalidInput => ErrorCode::ProviderRejectedInput,
            Self::RateLimited => ErrorCode::ProviderRateLimited,
            Self::Overloaded => ErrorCode::ProviderUnavailable,
            Self::Timeout => ErrorCode::ProviderTimeout,
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::AuthFailed => "the provider did not accept our credentials",
            Self::ModelNotFound => "the provider does not know this model",
            Self::OutOfCredit => "our funds at the provider are used up",
            Self::ContentPolicy => "the provider's safety filter rejected the request or its result",
            Self::InvalidInput => "the provider refused the parameters or files",
            Self::RateLimited => "the provider limits our request rate",
            Self::Overloaded => "the provider has no capacity at the moment",
            Self::Fault => "the provider failed",
            Self::Timeout => "the provider did not answer in time",
            Self::Cancelled => "the provider cancelled the job",
        }
    }

    fn is_transient(self) -> bool {
        matches!(self, Self::RateLimited | Self::Overloaded | Self::Fault)
    }

    fn alerts(self) -> bool {
        matches!(self, Self::AuthFailed | Self::ModelNotFound | Self::OutOfCredit)
    }

    /// The answer to a submission: nothing was accepted.
    pub(crate) fn refused(self) -> ProviderFailure {
        self.with(Standing::Refused { transient: self.is_transient() })
    }

    /// The answer to a submission that refused for good although its class is usually transient.
    pub(crate) fn refused_for_good(self) -> ProviderFailure {
        self.with(Standing::Refused { transient: false })
    }

    /// Reported on an accepted job.
    pub(crate) fn ended(self) -> ProviderFailure {
        self.with(Standing::Ended)
    }

    /// Nobody knows whether the job runs.
    pub(crate) fn in_doubt(self) -> ProviderFailure {
        self.with(Standing::InDoubt)
    }

    fn with(self, standing: Standing) -> ProviderFailure {
        ProviderFailure { code: self.code(), message: self.message().to_owned(), standing, alert: self.alerts() }
    }
}

impl ProviderFailure {
    /// No byte of the submission left us.
    pub fn connection_refused() -> Self {
        let mut failure = Class::Overloaded.refused();
        "the provider could not be reached".clone_into(&mut failure.message);
        failure
    }

    /// A submission, or an accepted job, passed its deadline.
    pub fn timed_out() -> Self {
        Class::Timeout.in_doubt()
    }

    /// The connection broke after the first byte was sent and before a complete answer.
    pub fn lost() -> Self {
        let mut failure = Class::Fault.in_doubt();
        "the connection to the provider was lost".clone_into(&mut failure.message);
        failure
    }

    /// Nothing was submitted: the provider wants the bytes of an input file that cannot be fetched any more.
    pub fn input_unavailable() -> Self {
        let mut failure = Class::Fault.refused_for_good();
        "an input file could not be handed to the provider".clone_into(&mut failure.message);
        failure
    }

    /// An accepted job that is over without a usable output, for a reason seen on our side.
    pub fn no_output() -> Self {
        let mut failure = Class::Fault.ended();
        "the provider finished without a usable output".clone_into(&mut failure.message);
        failure
    }

    /// Whether the next provider may be tried (api contract §10, failover rule 2).
    pub fn moves_on(&self) -> bool {
        !matches!(self.code, ErrorCode::ProviderContentRejected | ErrorCode::ProviderRejectedInput)
    }

    /// Whether the provider may have run the job all the same.
    pub fn is_in_doubt(&self) -> bool {
        self.standing == Standing::InDoubt
    }

    /// Whether the same provider may be asked once more (api contract §10, failover rule 6).
    pub fn is_transient_refusal(&self) -> bool {
        self.standing == Standing::Refused { transient: true }
    }

    /// The item of `provider_errors`.
    pub fn to_error(&self, provider: Provider) -> ProviderError {
        ProviderError {
            provider,
            code: self.code,
            kind: self.code.kind().to_owned(),
            message: self.message.clone(),
            retryable: self.is_transient_refusal(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_certain_and_transient_refusal_is_retryable() {
        assert!(ProviderFailure::connection_refused().to_error(Provider::Fal).retryable);
        assert!(Class::RateLimited.refused().to_error(Provider::Fal).retryable);
        for failure in [
            ProviderFailure::timed_out(),
            ProviderFailure::lost(),
            ProviderFailure::no_output(),
            Class::OutOfCredit.refused(),
            Class::Overloaded.ended(),
            Class::InvalidInput.refused(),
        ] {
            assert!(!failure.to_error(Provider::Fal).retryable, "{failure:?}");
        }
    }

    #[test]
    fn what_the_customer_caused_ends_the_chain_and_the_rest_moves_on() {
        for class in [Class::ContentPolicy, Class::InvalidInput] {
            assert!(!class.refused().moves_on(), "{class:?}");
        }
        for class in [Class::AuthFailed, Class::OutOfCredit, Class::RateLimited, Class::Fault, Class::Timeout] {
            assert!(class.refused().moves_on(), "{class:?}");
        }
    }
}
