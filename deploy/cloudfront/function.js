// Viewer request: normalises requests before the cache.
//
// Accept is reduced to what the server uses of it, so that a path has at most four entries in the cache, and
// one if its format is given. A URL with a wrong signature is refused here, so that forged ones
// never reach the service. The service decides everything else: without keys in the KeyValueStore,
// or without a signature, a request is passed on. deploy/ecs/tintype.yaml has a copy of this file.
import cf from 'cloudfront';
import crypto from 'crypto';

const store = cf.kvs();

// Like TINTYPE_SIGNING_KEYS, with the keys of all sites, separated by commas.
const KEYS = 'signing_keys';
const SIGNATURE = '~sig_';
const WEIGHT = /^(1|1\.0{0,3}|0\.(?!0*$)[0-9]{0,3})$/;

async function handler(event) {
    const request = event.request;
    const isVariant = request.uri.startsWith('/t/');
    if (!isVariant && !request.uri.startsWith('/o/')) {
        return problem(404, 'not found', 'not-found', 'there is no such URL');
    }
    const path = isVariant ? decoded(request.uri) : null;
    if (path !== null && path.includes(SIGNATURE) && !(await isSigned(path))) {
        return problem(403, 'the signature is wrong', 'signature-invalid', 'the signature does not match this URL');
    }
    const accepted = isVariant && !saysFormat(path) ? classOf(request.headers.accept) : '';
    if (accepted) {
        request.headers.accept = { value: accepted };
    } else {
        delete request.headers.accept;
    }
    return request;
}

// Without its first slash. The service refuses paths that are not UTF-8.
function decoded(uri) {
    try {
        return decodeURIComponent(uri.slice(1));
    } catch (error) {
        return null;
    }
}

function saysFormat(path) {
    return path !== null && /[~/]f_(?!auto(~|$))[^~/]+(~[^/]*)?$/.test(path);
}

// Whether the last item of a decoded path is a signature of the rest by any of the keys.
async function isSigned(path) {
    const at = path.lastIndexOf(SIGNATURE);
    if (path.indexOf('/', at) >= 0) {
        return true; // a folder with such a name
    }
    let keys;
    try {
        keys = await store.get(KEYS);
    } catch (error) {
        return true;
    }
    const text = path.slice(0, at);
    const signature = path.slice(at + SIGNATURE.length);
    let found = false;
    keys.split(',').forEach(function (key) {
        const name = key.trim();
        // All are tried, so that timing does not reveal which one it was.
        found = (name !== '' && isEqual(sign(name, text), signature)) || found;
    });
    return found || keys.trim() === '';
}

// The first 16 bytes of the HMAC, in base64url.
function sign(key, text) {
    const mac = crypto.createHmac('sha256', key).update(text).digest('hex');
    return Buffer.from(mac.slice(0, 32), 'hex').toString('base64url').replace(/=+$/, '');
}

// In constant time, which does not reveal how much of it is right.
function isEqual(ours, theirs) {
    let differs = ours.length ^ theirs.length;
    for (let i = 0; i < ours.length; i++) {
        differs |= ours.charCodeAt(i) ^ theirs.charCodeAt(i);
    }
    return differs === 0;
}

// Only a format's own name counts, and a mention that refuses it wins (RFC 9110, section 12.5.1).
function classOf(header) {
    if (!header) {
        return '';
    }
    const lines = header.multiValue ? header.multiValue : [header];
    const named = {};
    lines.forEach(function (line) {
        line.value.split(',').forEach(function (element) {
            const parts = element.split(';');
            const type = parts[0].trim().toLowerCase();
            named[type] = isAccepted(parts) && named[type] !== false;
        });
    });
    return ['image/avif', 'image/webp'].filter(function (type) { return named[type] === true; }).join(',');
}

// Whether the first weight, if there is one, is well-formed and above zero.
function isAccepted(parts) {
    for (let i = 1; i < parts.length; i++) {
        const parameter = parts[i].trim();
        if (parameter.slice(0, 2).toLowerCase() === 'q=') {
            return WEIGHT.test(parameter.slice(2));
        }
    }
    return true;
}

// In the format of the service.
function problem(status, title, code, detail) {
    return {
        statusCode: status,
        statusDescription: status === 404 ? 'Not Found' : 'Forbidden',
        headers: {
            'cache-control': { value: 'no-store' },
            'content-type': { value: 'application/problem+json' },
            'x-content-type-options': { value: 'nosniff' },
            'access-control-allow-origin': { value: '*' },
        },
        body: JSON.stringify({
            type: 'urn:tintype:problem:' + code,
            title: title, status: status, code: code, detail: detail, retryable: false,
        }),
    };
}
