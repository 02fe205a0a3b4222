//! Extensions of holds (`octo.md §6.6`).

use async_trait::async_trait;

use crate::OctoSource;
use crate::map::booking::{self, BookingState};
use domain::ids::StepKey;
use domain::ordering::{HoldExtension, LegRequest, PlacedHold};
use domain::{ExternalRef, RefusalReason, VendorError, VendorOperation};

#[async_trait]
impl HoldExtension for OctoSource {
    /// Suppliers count the minutes from different times, so the end is the one that they return (`octo.md §11` O7).
    async fn extend(&self, _key: &StepKey, leg: &LegRequest, refs: &[ExternalRef]) -> Result<PlacedHold, VendorError> {
        let op = VendorOperation::Extend;
        let mut ends = Vec::new();
        for intent in self.recorded_intents(op, leg, refs)? {
            let read = self.client.extend(intent.uuid, self.defaults.facts.hold_minutes).await?;
            if self.booking_state(&read.value) != BookingState::Held {
                return Err(self.client.rejected(op, RefusalReason::HoldExpired));
            }
            let end = booking::expiry(&read.value);
            let now = self.clock.now();
            if let (true, Some(end)) = (self.recent.take_holds(std::iter::once(intent.uuid), now), end) {
                self.recent.insert_hold(intent.uuid, end, now);
            }
            ends.push(end);
        }
        // A booking without an end leaves that of the leg as it was.
        let expires_at = ends.into_iter().collect::<Option<Vec<_>>>().and_then(|ends| ends.into_iter().min());
        let mut refs = refs.to_vec();
        if let Some(end) = expires_at {
            refs.retain(|one| one.kind != booking::EXPIRY_REF);
            refs.push(ExternalRef::new(booking::EXPIRY_REF, end.to_string()));
        }
        Ok(PlacedHold { refs, expires_at, secures: Vec::new(), total: None })
    }
}
