// CloudFront's function responds with 403 to every wrong signature, before the origin sees the request, and to no
// other; and it reads Accept as the service does. The shipped file runs here unchanged: only CloudFront's own
// modules are emulated, by a store that a test fills.

import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { register } from 'node:module';
import { test } from 'node:test';

const FILE = new URL('../../deploy/cloudfront/function.js', import.meta.url);
const VECTORS = new URL('../vectors/', import.meta.url);
const FORGED = 100_000;

register('data:text/javascript,' + encodeURIComponent(`
export async function resolve(name, context, next) {
    return name === 'cloudfront' ? { url: 'played:cloudfront', shortCircuit: true } : next(name, context);
}
export async function load(url, context, next) {
    if (url === 'played:cloudfront') {
        const source = 'export default { kvs: () => globalThis.played };';
        return { format: 'module', source, shortCircuit: true };
    }
    if (url !== '${FILE}') return next(url, context);
    const { source } = await next(url, { ...context, format: 'module' });
    return { format: 'module', source: source + '\\nexport { handler, sign };', shortCircuit: true };
}`));

let keys;
globalThis.played = {
    async get(name) {
        if (name !== 'signing_keys' || keys === undefined) throw new Error('KeyNotFound');
        return keys;
    },
};
const { handler, sign } = await import(FILE);

const vectors = (name) => JSON.parse(readFileSync(new URL(name, VECTORS))).cases;
const all = vectors('signatures.json');
// The service's keys cannot contain a comma either: there, as here, it separates keys.
const signed = all.filter(({ signing_key: key }) => !key.includes(','));
const unsigned = signed.map(({ path }) => path.replace(/~sig_[^/]*$/, ''));

const ask = (uri, headers = {}) => handler({ request: { method: 'GET', uri, headers, querystring: {}, cookies: {} } });
const passes = async (uri) => assert.equal((await ask(uri)).uri, uri);

async function refuses(uri, status = 403) {
    const answer = await ask(uri);
    assert.equal(answer.statusCode, status, uri);
    assert.equal(answer.headers['cache-control'].value, 'no-store');
}

test('it is no larger than CloudFront takes', () => {
    assert.ok(statSync(FILE).size <= 10_240);
});

test('it uses nothing that CloudFront\'s runtime lacks', () => {
    const code = readFileSync(FILE, 'utf8').replace(/\/\/.*$/gm, '');
    for (const lacking of [/\bfor\s*\([^;)]+\sof\s/, /\?\./, /\?\?/, /\.\.\./, /\bclass\s/, /\bexport\b/, /\brequire\b/]) {
        assert.doesNotMatch(code, lacking);
    }
});

test('what is signed right passes on as it is, by any of the keys', async () => {
    assert.ok(signed.length >= 14 && all.length >= 15);
    for (const { signing_key: key, key: name, spec, signature, why } of all) {
        assert.equal(sign(key, `t/${name}/${spec}`), signature, why);
    }
    for (const { signing_key: key, path, why } of signed) {
        for (const several of [key, `${randomBytes(16).toString('hex')}, ${key}`, `${key},${randomBytes(16).toString('hex')}`]) {
            keys = several;
            assert.equal((await ask(path)).uri, path, why);
        }
    }
});

test('what has no signature passes on, as does everything where no keys are', async () => {
    keys = signed[0].signing_key;
    for (const path of unsigned) await passes(path);
    await passes('/o/photos/lion.jpg');
    await passes('/t/a~sig_b/lion.jpg/w_640');
    await passes('/t/%FF.jpg/w_640~sig_AAAAAAAAAAAAAAAAAAAAAA');
    for (keys of [undefined, '', ' ']) {
        await passes(`${unsigned[0]}~sig_AAAAAAAAAAAAAAAAAAAAAA`);
    }
});

test('a wrong signature is answered here', async () => {
    keys = signed[0].signing_key;
    const right = signed[0].path.slice(-22);
    const altered = [
        `${unsigned[0]}~sig_`, `${unsigned[0]}~sig_${right}=`, `${unsigned[0]}~sig_${right.slice(0, -1)}`,
        `${unsigned[0]}~sig_${right}~sig_${right}`, `${unsigned[0]}~sig_${right}~w_1`, `${unsigned[0]}~w_1~sig_${right}`,
        // The last character has four bits beyond the signature, so only one spelling is valid.
        ...['h', 'i', 'j', 'k'].map((last) => `${unsigned[0]}~sig_${right.slice(0, -1)}${last}`),
        `${unsigned[0].replace('lion', 'Lion')}~sig_${right}`,
        `${unsigned[1]}~sig_${right}`, `${unsigned[0]}%7Esig_AAAAAAAAAAAAAAAAAAAAAA`,
    ];
    for (const path of altered) await refuses(path);
});

test('none of a hundred thousand forged signatures passes', async () => {
    const random = randomBytes(FORGED + 16);
    keys = [...new Set(signed.map(({ signing_key: key }) => key))].join(',');
    let passed = 0;
    for (let n = 0; n < FORGED; n++) {
        const { path, signature } = signed[n % signed.length];
        const open = path.slice(0, -22);
        let forged;
        switch (n % 3) {
        case 0:
            forged = open + random.subarray(n, n + 16).toString('base64url');
            break;
        case 1: {
            // One character of the right signature is changed.
            const at = n % 22;
            const other = signature[at] === 'A' ? 'B' : 'A';
            forged = open + signature.slice(0, at) + other + signature.slice(at + 1);
            break;
        }
        default: {
            const mac = createHmac('sha256', `a key of somebody else's, ${n}`).update(decodeURIComponent(open.slice(1, -5))).digest();
            forged = open + mac.subarray(0, 16).toString('base64url');
        }
        }
        if ((await ask(forged)).statusCode !== 403) passed++;
    }
    assert.equal(passed, 0);
});

test('Accept becomes a class, as the service reads it', async () => {
    const cases = vectors('accept.json');
    assert.ok(cases.length > 20);
    for (const { why, lines, avif, webp } of cases) {
        const values = lines.map((value) => ({ value }));
        const accept = values.length > 1 ? { value: lines[0], multiValue: values } : values[0];
        const { headers } = await ask('/t/lion.jpg/w_640', accept ? { accept } : {});
        const expected = [avif && 'image/avif', webp && 'image/webp'].filter(Boolean).join(',');
        assert.equal(headers.accept?.value ?? '', expected, why);
    }
});

test('what is the same for everybody has no class', async () => {
    const accept = { value: 'image/avif,image/webp' };
    keys = undefined;
    const fixed = ['/o/lion.jpg', '/t/lion.jpg/w_1~f_jpeg', '/t/lion.jpg/f_png', '/t/f_auto/f_webp~sig_x', '/t/lion.jpg/card~f_avif~v_0'];
    for (const path of fixed) {
        assert.equal((await ask(path, { accept: { ...accept } })).headers.accept, undefined, path);
    }
    for (const path of ['/t/f_png/w_1', '/t/lion.jpg/f_auto', '/t/lion.jpg/w_1~f_auto~sig_x', '/t/lion.jpg/card', '/t/dl_f_png.jpg/w_1']) {
        assert.deepEqual((await ask(path, { accept: { ...accept } })).headers.accept, accept, path);
    }
});

test('there is no other address', async () => {
    for (const path of ['/', '/api/v1/files/a', '/metrics', '/T/a.jpg/w_1', '/t']) await refuses(path, 404);
});
