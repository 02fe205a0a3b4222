//! Ports of the fake vendor.

use super::*;

#[async_trait]
impl Ordering for Vendor {
    fn shape(&self, _: &LegRequest) -> LegShape {
        self.traits.shape
    }

    fn settlement_refusal(&self, _: &LegRequest) -> Option<SettlementRefusal> {
        self.catalog.lock().expect("catalog").refuses
    }

    async fn hold(&self, key: &StepKey, leg: &LegRequest) -> Result<PlacedHold, VendorError> {
        assert_eq!(self.traits.shape, LegShape::HoldThenConfirm, "a leg that is not held first was held");
        self.perform(VendorCall::Hold, |state| {
            state.contacts.push((VendorCall::Hold, leg.contact.as_ref().map(|contact| contact.email.clone())));
            let same = state.holds.iter().find(|(_, hold)| self.traits.honors_keys && hold.key == *key);
            if let Some((id, hold)) = same {
                return Ok(self.held(id, hold, leg));
            }
            state.next += 1;
            let id = format!("{}-h{}", self.id, state.next);
            let expires_at = self.clock.now() + self.hold_ttl;
            let hold = Hold { reference: leg.reference.clone(), key: *key, expires_at, is_open: true };
            let held = self.held(&id, &hold, leg);
            state.holds.insert(id, hold);
            Ok(held)
        })
        .await
    }

    async fn confirm(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<ConfirmedSale, VendorError> {
        self.perform(VendorCall::Confirm, |state| {
            state.contacts.push((VendorCall::Confirm, leg.contact.as_ref().map(|contact| contact.email.clone())));
            let same = state.sales.iter().find(|(_, sale)| self.traits.honors_keys && sale.key == *key);
            if let Some((id, sale)) = same {
                return Ok(self.confirmed(id, sale, leg));
            }
            if self.traits.shape == LegShape::HoldThenConfirm {
                let now = self.clock.now();
                let hold = id_of(refs, "acme.hold").and_then(|id| state.holds.get_mut(id));
                let Some(hold) = hold.filter(|hold| hold.is_open && now < hold.expires_at) else {
                    return Err(VendorError::rejected(
                        &self.id,
                        VendorOperation::Confirm,
                        RefusalReason::HoldExpired,
                        None,
                    ));
                };
                hold.is_open = false;
            }
            state.next += 1;
            let id = format!("{}-s{}", self.id, state.next);
            let tickets = leg
                .lines
                .iter()
                .flat_map(|line| (0..line.quantity).map(move |nth| (line.line, nth)))
                .map(|(line, nth)| (format!("{id}-t{line}.{nth}"), (line, format!("code-{id}-{line}.{nth}"))))
                .collect();
            let sale = Sale { reference: leg.reference.clone(), key: *key, tickets, void: BTreeSet::new(), used: None };
            let confirmed = self.confirmed(&id, &sale, leg);
            state.sales.insert(id, sale);
            Ok(confirmed)
        })
        .await
    }

    async fn release(&self, _: &StepKey, _: &LegRequest, refs: &[ExternalRef]) -> Result<(), VendorError> {
        self.perform(VendorCall::Release, |state| {
            if let Some(hold) = id_of(refs, "acme.hold").and_then(|id| state.holds.get_mut(id)) {
                hold.is_open = false;
            }
            Ok(())
        })
        .await
    }

    async fn find_hold(&self, _: &StepKey, leg: &LegRequest) -> Result<LookupOutcome<PlacedHold>, VendorError> {
        self.perform(VendorCall::FindHold, |state| {
            if !self.traits.finds {
                return Ok(LookupOutcome::Undetermined);
            }
            let now = self.clock.now();
            let mut holds = state.holds.iter();
            let hold = holds.find(|(_, hold)| hold.reference == leg.reference && hold.is_open && now < hold.expires_at);
            Ok(hold.map_or(LookupOutcome::NotDone, |(id, hold)| LookupOutcome::Done(self.held(id, hold, leg))))
        })
        .await
    }

    async fn find_confirmation(
        &self,
        _: &StepKey,
        leg: &LegRequest,
        _: &[ExternalRef],
    ) -> Result<LookupOutcome<ConfirmedSale>, VendorError> {
        self.perform(VendorCall::FindSale, |state| {
            if !self.traits.finds {
                return Ok(LookupOutcome::Undetermined);
            }
            let sale = state.sales.iter().find(|(_, sale)| sale.reference == leg.reference);
            Ok(sale.map_or(LookupOutcome::NotDone, |(id, sale)| LookupOutcome::Done(self.confirmed(id, sale, leg))))
        })
        .await
    }

    async fn load_tickets(&self, _: &LegRequest, refs: &[ExternalRef]) -> Result<Vec<IssuedTicket>, VendorError> {
        tokio::task::yield_now().await;
        let later = self.catalog.lock().expect("catalog").codes_come_later;
        let state = self.state.lock().expect("books");
        let sale = id_of(refs, "acme.sale").and_then(|id| state.sales.get(id));
        sale.map(|sale| issued(sale, later))
            .ok_or_else(|| VendorError::new(&self.id, VendorOperation::LookUp, ErrorKind::NotFound))
    }

    async fn list_sales(
        &self,
        _: Timestamp,
        _: Timestamp,
        _: &[PerformanceKey],
        _: &[String],
    ) -> Result<Vec<VendorSale>, VendorError> {
        tokio::task::yield_now().await;
        let holds = self.open_holds();
        let state = self.state.lock().expect("books");
        let sales = state.sales.iter().filter(|(_, sale)| sale.is_live()).map(|(id, sale)| VendorSale {
            reference: Some(sale.reference.clone()),
            refs: vec![ExternalRef::new("acme.sale", id.clone())],
            is_sold: true,
        });
        let holds = holds.into_iter().map(|(id, hold)| VendorSale {
            reference: Some(hold.reference),
            refs: vec![ExternalRef::new("acme.hold", id)],
            is_sold: false,
        });
        Ok(sales.chain(holds).collect())
    }
}

#[async_trait]
impl HoldExtension for Vendor {
    async fn extend(&self, _: &StepKey, leg: &LegRequest, refs: &[ExternalRef]) -> Result<PlacedHold, VendorError> {
        self.perform(VendorCall::Extend, |state| {
            let id = id_of(refs, "acme.hold").unwrap_or_default();
            let hold = state.holds.get_mut(id).ok_or_else(|| self.refusal(VendorCall::Extend))?;
            hold.expires_at = self.clock.now() + self.hold_ttl;
            Ok(self.held(id, hold, leg))
        })
        .await
    }
}

impl Vendor {
    /// Voids tickets, or the whole sale if single tickets cannot be canceled.
    fn void(
        &self,
        state: &mut VendorState,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<CompletedCancellation, VendorError> {
        let sale = id_of(refs, "acme.sale").and_then(|id| state.sales.get_mut(id));
        let sale = sale.ok_or_else(|| self.refusal(VendorCall::Cancel))?;
        let asked = lines.iter().flat_map(|line| line.tickets.iter().map(|ticket| ticket.value.clone()));
        let all = sale.tickets.keys().cloned();
        let void: Vec<String> = if self.traits.cancels_in_part { asked.collect() } else { all.collect() };
        sale.void.extend(void);
        Ok(voided(sale))
    }
}

fn voided(sale: &Sale) -> CompletedCancellation {
    let void = sale.void.iter().map(|id| ExternalRef::new("acme.ticket", id.clone())).collect();
    CompletedCancellation { refunded: None, voided: void }
}

#[async_trait]
impl Refunds for Vendor {
    async fn cancel(
        &self,
        _: &StepKey,
        _: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<CompletedCancellation, VendorError> {
        self.perform(VendorCall::Cancel, |state| self.void(state, refs, lines)).await
    }

    async fn find_cancellation(
        &self,
        _: &StepKey,
        _: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<LookupOutcome<CompletedCancellation>, VendorError> {
        self.perform(VendorCall::FindUndo, |state| {
            let sale = id_of(refs, "acme.sale").and_then(|id| state.sales.get(id));
            let sale = sale.ok_or_else(|| self.refusal(VendorCall::FindUndo))?;
            let gone = |ticket: &ExternalRef| sale.void.contains(&ticket.value);
            if !self.traits.finds {
                return Ok(LookupOutcome::Undetermined);
            }
            let all_gone = lines.iter().flat_map(|line| &line.tickets).all(gone);
            Ok(if all_gone { LookupOutcome::Done(voided(sale)) } else { LookupOutcome::NotDone })
        })
        .await
    }
}

#[async_trait]
impl Health for Vendor {
    fn report(&self) -> HealthReport {
        HealthReport {
            state: HealthState::Up,
            since: self.clock.now(),
            throttled: false,
            last_success_at: None,
            last_failure_at: None,
            remaining_requests: None,
        }
    }

    async fn wait_for_change(&self, _: &HealthReport) -> HealthReport {
        std::future::pending().await
    }
}

impl Vendor {
    fn event(&self) -> Arc<Event> {
        Arc::new(Event {
            key: EventKey::new("visit"),
            refs: Vec::new(),
            title: LocalizedText::monolingual("Visit"),
            summary: None,
            description: None,
            image: None,
            venue: None,
            categories: Vec::new(),
            time_zone: "UTC".to_owned(),
            booking_mode: BookingMode::Timed,
            status: self.catalog.lock().expect("catalog").event_status,
            is_private: false,
            starts_at: None,
            ends_at: None,
            duration_minutes: None,
            capacity: None,
            sold_quantity: None,
            price_from: None,
            sections: Vec::new(),
            listed_ticket_types: None,
            listed_performances: None,
        })
    }

    fn performance(&self, key: &PerformanceKey) -> Result<Arc<Performance>, VendorError> {
        let catalog = self.catalog.lock().expect("catalog");
        if catalog.is_down {
            return Err(VendorError::new(&self.id, VendorOperation::LoadPerformances, ErrorKind::Unavailable));
        }
        if !key.as_str().starts_with("show") {
            return Err(VendorError::new(&self.id, VendorOperation::LoadPerformances, ErrorKind::NotFound));
        }
        Ok(Arc::new(Performance {
            key: key.clone(),
            event: EventKey::new("visit"),
            refs: Vec::new(),
            starts_at: Some(catalog.starts_at),
            ends_at: Some(catalog.starts_at + Duration::from_secs(3600)),
            date: None,
            cutoff_at: Some(catalog.starts_at),
            listed_availability: None,
        }))
    }

    fn availability(&self) -> Arc<Availability> {
        let price = self.price();
        let catalog = self.catalog.lock().expect("catalog");
        let offer = |name: &str, amount: i64| Offer {
            ticket_type: Arc::new(TicketType {
                key: TicketTypeKey::new(name.to_owned()),
                event: EventKey::new("visit"),
                refs: Vec::new(),
                name: LocalizedText::monolingual(name),
                description: None,
                audience: domain::Audience::Adult,
                min_age: None,
                max_age: None,
                admits: 1,
                section: None,
                price: None,
                min_per_order: None,
                max_per_order: catalog.max_per_order,
            }),
            price: Price::from_retail(Money::new(amount, price.currency)),
            vacancies: None,
            status: catalog.status,
        };
        Arc::new(Availability {
            status: catalog.status,
            vacancies: catalog.vacancies,
            capacity: None,
            max_per_order: None,
            offers: vec![offer("adult", price.amount), offer("child", price.amount / 2)],
        })
    }
}

#[async_trait]
impl Catalog for Vendor {
    async fn list_events(&self, _: CatalogScope) -> Result<Observed<Arc<Vec<Arc<Event>>>>, VendorError> {
        Ok(Observed::live(Arc::new(vec![self.event()]), self.clock.now()))
    }

    async fn load_events(&self, keys: &[EventKey]) -> Batch<EventKey, Observed<Arc<Event>>> {
        tokio::task::yield_now().await;
        keys.iter().map(|key| (key.clone(), Ok(Observed::live(self.event(), self.clock.now())))).collect()
    }

    async fn load_ticket_types(&self, _: &[EventKey]) -> Batch<EventKey, Observed<Arc<Vec<TicketType>>>> {
        unreachable!("orders read ticket types with their offers")
    }

    async fn list_performances(
        &self,
        _: &[EventKey],
        _: &PerformanceWindow,
    ) -> Batch<EventKey, Observed<Arc<Vec<Arc<Performance>>>>> {
        unreachable!("orders read performances by key")
    }

    async fn load_performances(&self, keys: &[PerformanceKey]) -> Batch<PerformanceKey, Observed<Arc<Performance>>> {
        tokio::task::yield_now().await;
        let now = self.clock.now();
        let answer = |key: &PerformanceKey| self.performance(key).map(|performance| Observed::live(performance, now));
        keys.iter().map(|key| (key.clone(), answer(key))).collect()
    }

    async fn load_availability(
        &self,
        performances: &[Observed<Arc<Performance>>],
        max_age: Duration,
    ) -> Batch<PerformanceKey, Observed<Arc<Availability>>> {
        tokio::task::yield_now().await;
        assert_eq!(max_age, Duration::ZERO, "an order was priced from a memory");
        let free = || Ok(Observed::live(self.availability(), self.clock.now()));
        performances.iter().map(|performance| (performance.value.key.clone(), free())).collect()
    }

    async fn load_calendar(&self, _: &[EventKey], _: Date, _: Date) -> Batch<EventKey, Arc<Vec<CalendarDay>>> {
        unreachable!("orders read no calendar")
    }
}
