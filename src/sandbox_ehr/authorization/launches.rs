//! Launch handles: what the EHR hands to an app's launch address, for one use within five minutes, by that app alone.

use super::super::practitioners::Practitioner;
use super::tokens::Context;
use crate::platform::expiring::{Expiring, secret};
use jiff::Timestamp;
use std::time::Duration;

/// What a handle stands for.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The only client that may use it.
    pub client: String,
    pub context: Context,
    pub user: &'static Practitioner,
}

/// Every handle that was not used yet.
#[derive(Default)]
pub struct Launches(Expiring<Launch>);

impl Launches {
    pub fn give(&self, launch: Launch, life: Duration, now: Timestamp) -> String {
        let handle = secret();
        self.0.put(handle.clone(), launch, now + life, now);
        handle
    }

    /// Uses a handle up, even where it is another client's.
    pub fn redeem(&self, handle: &str, client: &str, now: Timestamp) -> Option<Launch> {
        self.0.take(handle, now).filter(|launch| launch.client == client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox_ehr::practitioners::ON_DUTY;

    #[test]
    fn a_handle_is_for_one_client_one_use_and_five_minutes() {
        let at = |second: i64| Timestamp::from_second(second).expect("a time");
        let launches = Launches::default();
        let give = || {
            let launch = Launch { client: "app".into(), context: Context::default(), user: ON_DUTY };
            launches.give(launch, Duration::from_secs(300), at(0))
        };
        let handle = give();
        assert!(launches.redeem(&handle, "app", at(299)).is_some());
        assert!(launches.redeem(&handle, "app", at(299)).is_none(), "used");
        assert!(launches.redeem(&give(), "app", at(300)).is_none(), "over");
        let handle = give();
        assert!(launches.redeem(&handle, "other", at(1)).is_none());
        assert!(launches.redeem(&handle, "app", at(1)).is_none(), "somebody else tried");
    }
}
