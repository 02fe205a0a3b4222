"""Values of our scalars, for schemathesis: mostly right ones, so that its queries get beyond the front."""

import schemathesis
from hypothesis import strategies as st
from schemathesis.graphql import nodes


def texts(strategy):
    return strategy.map(str).map(nodes.String)


days = st.dates().map(lambda day: day.isoformat())
instants = st.datetimes(timezones=st.timezones()).map(lambda at: at.isoformat())
for name, values in {
    "LocalDate": days,
    "DateTime": instants,
    "TimeZone": st.sampled_from(["Europe/Zurich", "America/New_York", "Mars/Olympus"]),
    "Locale": st.sampled_from(["en", "fr-CH", "x!"]),
    "CurrencyCode": st.sampled_from(["CHF", "USD", "TTD", "???"]),
    "URL": st.sampled_from(["https://example.com/a.jpg", "javascript:x"]),
}.items():
    schemathesis.graphql.scalar(name, st.one_of(texts(values), texts(st.text(max_size=12))))
schemathesis.graphql.scalar("MinorUnits", st.integers(-(2**60), 2**60).map(nodes.Int))
