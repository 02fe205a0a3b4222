# Varnish 6.6 or newer in front of ticketgraph, with vmod_xkey (Debian: packages varnish and varnish-modules).
# docs/edge.md explains it. Adapt the backend, the addresses in `acl purgers` and the origins in `vcl_recv`.
vcl 4.1;

import std;
import xkey;

backend ticketgraph {
    .host = "127.0.0.1";
    .port = "4000";
    .probe = {
        .url = "/health/live";
        .interval = 2s;
        .timeout = 1s;
        .window = 3;
        .threshold = 2;
        .initial = 2;
    }
}

# Replicas of ticketgraph: they purge.
acl purgers {
    "127.0.0.1";
    "::1";
}

sub vcl_recv {
    set req.backend_hint = ticketgraph;
    if (req.method == "PURGE") {
        # Purges have a listener of their own (`-a purge=...`): behind a TLS terminator every client has its address.
        if (local.socket != "purge" || client.ip !~ purgers) {
            return (synth(403, "Forbidden"));
        }
        if (!req.http.xkey-purge) {
            return (synth(400, "xkey-purge is missing"));
        }
        # Not soft: what is purged is untrue and must not be served as stale either.
        set req.http.X-Purged = xkey.purge(req.http.xkey-purge);
        return (synth(200, "Purged " + req.http.X-Purged));
    }
    # A restart after vcl_hit fetches anew; one after vcl_deliver takes what there is.
    if (req.restarts == 0) {
        unset req.http.X-Expired;
    } elseif (req.restarts == 1) {
        set req.grace = 0s;
    } else {
        set req.grace = 7d;
    }
    # Only plain reads of the API are cached. What identifies a caller is passed.
    if (req.method != "GET" || req.url !~ "^/graphql\?"
        || req.http.Authorization || req.http.Cookie || req.http.X-CSRF-Protection) {
        return (pass);
    }
    # Only the parameters of the service, each once, and one way of naming the document: of others it ignores some values, with each of which
    # a stranger could make an entry. Other texts of the same query still make entries of their own: the storage bounds them.
    # Quantifiers are possessive (`*+`), because long parameters would exceed the match limit of Varnish.
    if (req.url !~ "^/graphql\?(query|operationName|variables|extensions|documentId|doc_id|id)=[^&]*+(&(query|operationName|variables|extensions|documentId|doc_id|id)=[^&]*+){0,6}+$"
        || req.url ~ "^/graphql\?([^&]*+&)*([A-Za-z_]+)=[^&]*+&([^&]*+&)*\2="
        || req.url ~ "^/graphql\?([^&]*+&)*(query|documentId|doc_id|id)=[^&]*+&([^&]*+&)*(query|documentId|doc_id|id)=") {
        return (pass);
    }
    # An entry for each origin whose pages may read responses (`server.cors_origins`), and one for all others: without
    # CORS headers their browsers refuse it.
    if (req.http.Origin !~ "^https://(www|shop)\.example\.com$") {
        unset req.http.Origin;
    }
    # One entry for each media type. Anything else, such as event streams and pages, is passed.
    if (req.http.Accept ~ "(?i)(text/|multipart/|;\s*q=0(\.0*)?\s*(,|$))") {
        return (pass);
    }
    if (req.http.Accept ~ "(?i)application/graphql-response\+json") {
        set req.http.Accept = "application/graphql-response+json";
    } elseif (!req.http.Accept || req.http.Accept ~ "(?i)(\*/\*|application/(\*|json))") {
        set req.http.Accept = "application/json";
    } else {
        return (pass);
    }
    # Accept-Encoding is normalized by Varnish itself (http_gzip_support).
    set req.url = std.querysort(req.url);
    unset req.http.X-Request-Id;
    return (hash);
}

sub vcl_hash {
    # Responses do not depend on the host name, which clients choose freely.
    hash_data(req.url);
    return (lookup);
}

sub vcl_hit {
    # The service is asked again after stale-while-revalidate, unless it fails: that is covered for stale-if-error.
    if (req.restarts == 0 && obj.ttl <= 0s && std.healthy(req.backend_hint)
        && obj.ttl + std.duration(obj.http.X-Stale-While-Revalidate, 0s) <= 0s) {
        set req.http.X-Expired = "yes";
        return (restart);
    }
    return (deliver);
}

sub vcl_backend_fetch {
    # In whole seconds, which makes the limit below stricter by up to one.
    set bereq.http.X-Fetch-Start = now;
}

sub vcl_backend_response {
    if (bereq.uncacheable) {
        return (deliver);
    }
    # A background fetch that fails keeps the stale response.
    if (beresp.status >= 500 && bereq.is_bgfetch) {
        return (abandon);
    }
    if (beresp.status >= 500) {
        set beresp.ttl = 0s;
        set beresp.uncacheable = true;
        return (deliver);
    }
    if (beresp.status != 200 || beresp.http.Set-Cookie
        || beresp.http.Cache-Control !~ "(?i)\bpublic\b" || beresp.http.Cache-Control !~ "(?i)\bs-maxage=[1-9]") {
        # Requests for it do not wait for each other; the next response may be public ("hit for miss").
        set beresp.ttl = 2s;
        set beresp.grace = 0s;
        set beresp.uncacheable = true;
        return (deliver);
    }
    # The last purge of a fact goes out 5 seconds after its change: a response that was on its way for longer may be older than that.
    if (now - std.time(bereq.http.X-Fetch-Start, now - 1h) > 4s) {
        set beresp.ttl = 2s;
        set beresp.grace = 0s;
        set beresp.uncacheable = true;
        return (deliver);
    }
    # beresp.ttl is s-maxage.
    set beresp.http.X-Stale-While-Revalidate = regsub(beresp.http.Cache-Control, "(?i)^.*\bstale-while-revalidate=(\d+).*$", "\1") + "s";
    set beresp.grace = std.duration(regsub(beresp.http.Cache-Control, "(?i)^.*\bstale-if-error=(\d+).*$", "\1") + "s", 0s);
    # Purged entries are gone, and expired ones are not needed for conditional requests.
    set beresp.keep = 0s;
    # vmod_xkey reads its own header too, so the tags stay within this cache.
    set beresp.http.xkey = beresp.http.Surrogate-Key;
    unset beresp.http.Surrogate-Key;
    unset beresp.http.Cache-Tag;
    return (deliver);
}

sub vcl_deliver {
    if (req.restarts == 1 && req.http.X-Expired && resp.status >= 500) {
        return (restart);
    }
    # Clients revalidate with every request: no purge reaches them.
    if (resp.http.Cache-Control ~ "(?i)\bs-maxage=") {
        set resp.http.Cache-Control = "public, max-age=0, must-revalidate";
        unset resp.http.Age;
    }
    set resp.http.X-Cache = "MISS";
    if (obj.hits > 0) {
        set resp.http.X-Cache = "HIT";
    }
    unset resp.http.xkey;
    unset resp.http.X-Stale-While-Revalidate;
    unset resp.http.Surrogate-Key;
    unset resp.http.Cache-Tag;
    unset resp.http.X-Varnish;
    unset resp.http.Via;
}
