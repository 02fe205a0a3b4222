//! Builds the deliveries from the configuration.

use std::sync::Arc;

use crate::app::error::StartError;
use crate::app::recording::RenamedSource;
use crate::app::sources::{Infrastructure, observed, vendor_client};
use crate::config::{Config, DeliveryConfig};
use deliveries::notice::{NoticePolicy, StreamNotices};
use deliveries::{Channel, Deliveries, DeliveriesDependencies, VenueLocation};
use domain::Source;
use notifications::{InvalidDestination, NotificationSettings, Notifications};
use orders::Orders;
use source_stack::LocalRateLimiter;
use store_sql::Stores;
use vendor_api::InvalidSetting;
use vendor_registry::APPS;

/// Connects every channel without calling it. Nothing runs until the deliveries are started.
pub(super) fn open(
    config: &Config,
    sources: &[Arc<Source>],
    infrastructure: &Infrastructure,
    orders: &Orders,
    stores: &Stores,
    notifications: Option<&Notifications>,
) -> Result<Deliveries, Vec<InvalidSetting>> {
    let mut channels = Vec::new();
    let mut diagnostics = Vec::new();
    for (id, settings) in &config.deliveries {
        match connect_channel(config, (id, settings), sources, infrastructure) {
            Ok(channel) => channels.push(channel),
            Err(problems) => diagnostics.extend(
                problems
                    .into_iter()
                    .map(|error| InvalidSetting::new(format!("deliveries.{id}.{}", error.key), error.message)),
            ),
        }
    }
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    Ok(Deliveries::new(DeliveriesDependencies {
        channels,
        orders: orders.clone(),
        store: Arc::clone(&stores.deliveries),
        clock: Arc::clone(&infrastructure.clock),
        notices: notifications.map(|notifications| StreamNotices {
            notifier: Arc::new(notifications.clone()),
            policy: NoticePolicy {
                pending_period: config.notifications.pending_period,
                repeat_interval: config.notifications.repeat_interval,
            },
        }),
    }))
}

/// Prepares the destinations of notices without a connection. `None` if there is none.
pub(super) fn notifications(
    config: &Config,
    infrastructure: &Infrastructure,
) -> Result<Option<Notifications>, StartError> {
    let from = &config.notifications;
    let settings = NotificationSettings {
        webhook: from.webhook.clone(),
        email: from.email.clone(),
        timeout: from.timeout,
        max_attempts_for: from.max_attempts_for,
    };
    let invalid =
        |error: InvalidDestination| StartError::Settings(vec![InvalidSetting::new("notifications", error.to_string())]);
    Notifications::new(&settings, &infrastructure.client, &infrastructure.clock).map_err(invalid)
}

fn connect_channel(
    config: &Config,
    (name, settings): (&str, &DeliveryConfig),
    sources: &[Arc<Source>],
    infrastructure: &Infrastructure,
) -> Result<Channel, Vec<InvalidSetting>> {
    let unknown = |key: &str, what: &str| vec![InvalidSetting::new(key, what)];
    let row =
        APPS.iter().find(|row| row.name == settings.app).ok_or_else(|| unknown("app", "is not one of the apps"))?;
    let id = &settings.channel.source;
    let source =
        sources.iter().find(|source| source.id == *id).ok_or_else(|| unknown("source", "is not configured"))?;
    // Calls are rare, and the next cycle repeats failed ones: no rate limit is needed.
    let resilience = config.sources.get(id).map_or(&config.resilience, |of| &of.resilience);
    let limiter = Arc::new(LocalRateLimiter::unlimited());
    let transport = vendor_client(resilience, id.clone(), limiter, row.rate_limit_pause)?;
    // The app's exchanges are recorded under the name of the channel: they are not the vendor's.
    let observer = infrastructure.observer.as_ref().map(|observer| RenamedSource::observer(name, observer));
    let transport = observed(transport, observer.as_ref());
    let app = (row.connect)(settings.channel.clone(), transport)?;
    let location = venue_location(settings);
    Ok(Channel { app, source: Source::clone(source), interval: settings.interval, location })
}

/// Returns the configured location of the venue.
pub(super) fn venue_location(settings: &DeliveryConfig) -> VenueLocation {
    VenueLocation {
        city: settings.city.clone(),
        country: settings.country.clone(),
        postal_code: settings.postal_code.clone(),
    }
}
