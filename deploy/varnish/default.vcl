vcl 4.1;

# Varnish in front of tintype: variants and public originals are cached, the API never is.
#
# tintype purges it if TINTYPE_PURGE_VARNISH=http://this-node:6081 is set (every node, if
# there are several): a BAN request whose Surrogate-Key has tags of objects here. A ban
# is checked before an object is used, and also applies to objects that are served stale.
#
# Adapt the backend's address, and who may send BAN requests. Tested with Varnish 7.1; no module
# but std is needed.

import std;

backend default {
    .host = "127.0.0.1";
    .port = "8080";
    .connect_timeout = 2s;
    # Above tintype's own render_deadline, so that the response is tintype's.
    .first_byte_timeout = 30s;
    .between_bytes_timeout = 30s;
    .probe = {
        .request =
            "OPTIONS /t/probe/w_1 HTTP/1.1"
            "Host: localhost"
            "Connection: close";
        .expected_response = 204;
        .interval = 5s;
        .timeout = 2s;
        .window = 5;
        .threshold = 3;
        .initial = 3;
    }
}

# Addresses of tintype. Never an address that others share, such as a load balancer's.
acl purgers {
    "localhost";
}

sub vcl_recv {
    if (req.method == "BAN") {
        if (client.ip !~ purgers) {
            return (synth(405, "Not allowed"));
        }
        if (req.http.Surrogate-Key !~ "^[A-Za-z0-9_-]+( [A-Za-z0-9_-]+)*$") {
            return (synth(400, "Surrogate-Key must name tags"));
        }
        # Only obj.http, so that the ban lurker can process these in the background.
        ban("obj.http.Surrogate-Key ~ (^|[^\w-])(" +
            regsuball(req.http.Surrogate-Key, " ", "|") + ")([^\w-]|$)");
        return (synth(200, "Banned"));
    }

    if (req.url !~ "^/[to]/") {
        return (pass);
    }
    if (req.method != "GET" && req.method != "HEAD") {
        return (pass);
    }
    # Images depend on neither.
    unset req.http.Cookie;
    unset req.http.Authorization;
    # In the same way as tintype, so that every browser falls into one of three classes, and a client that names
    # only AVIF into a fourth.
    set req.http.Formats = "";
    if (req.http.Accept ~ "(?i)image/avif" && req.http.Accept !~ "(?i)image/avif\s*;\s*q=0(\.0*)?\s*(,|$)") {
        set req.http.Formats = ",image/avif";
    }
    if (req.http.Accept ~ "(?i)image/webp" && req.http.Accept !~ "(?i)image/webp\s*;\s*q=0(\.0*)?\s*(,|$)") {
        set req.http.Formats = req.http.Formats + ",image/webp";
    }
    if (req.http.Formats != "") {
        set req.http.Accept = regsub(req.http.Formats, "^,", "");
    } else {
        unset req.http.Accept;
    }
    unset req.http.Formats;
    # Stale images are for when the origin fails; while it is healthy they are served as long as the origin
    # says (stale-while-revalidate).
    if (std.healthy(req.backend_hint)) {
        set req.grace = 60s;
    }
}

sub vcl_miss {
    # A range of an original that is not cached is requested as a range: a whole film is not fetched for its
    # last ten bytes. Players begin with "bytes=0-", which is all of it.
    if (req.http.Range && req.http.Range != "bytes=0-" && req.url ~ "^/o/|[/~]f_original([~?]|$)") {
        return (pass);
    }
}

sub vcl_backend_response {
    if (beresp.status >= 500 && bereq.is_bgfetch) {
        # The cached object is better.
        return (abandon);
    }
    # Large originals would evict many images.
    if (std.integer(beresp.http.Content-Length, 0) > 67108864) {
        set beresp.uncacheable = true;
        set beresp.ttl = 120s;
        return (deliver);
    }
    if (beresp.http.Cache-Control ~ "stale-if-error|immutable") {
        set beresp.grace = 24h;
    }
}

sub vcl_deliver {
    # Tags are for caches.
    unset resp.http.Surrogate-Key;
    unset resp.http.Cache-Tag;
    if (obj.hits > 0) {
        set resp.http.X-Cache = "hit";
    } else {
        set resp.http.X-Cache = "miss";
    }
}
