import fc from 'fast-check';
import { test } from 'tap';
import { formatOrigin } from '../../src/config/layer.ts';
import { type Loaded, loadSettings, type Sources } from '../../src/config/load.ts';
import {
  environmentName,
  SETTING_KEYS,
  type SettingKey,
  settingOf,
} from '../../src/config/schema.ts';
import { InputError } from '../../src/input-error.ts';
import { FILE, POD_RESOLV_CONF, sources } from './written-sources.ts';

function problemsOf(from: Sources): string[] {
  try {
    loadSettings(from);
    return [];
  } catch (error) {
    if (error instanceof InputError) return error.message.split('\n');
    throw error;
  }
}

const serversIn = ({ settings }: Loaded) =>
  settings.upstreams.map((group) => group.map(({ name }) => name));

const originOf = ({ origins }: Loaded, key: SettingKey) => {
  const origin = origins.get(key);
  return origin && formatOrigin(origin);
};

test('with nothing set, a pod is served by its own resolv.conf', (t) => {
  const loaded = loadSettings(sources());
  const { settings } = loaded;
  t.match(settings, {
    listen: {
      addresses: [
        { address: '127.0.0.1', port: 53 },
        { address: '::1', port: 53 },
      ],
    },
    tcp: {
      maxConnections: 256,
      maxConnectionsPerClient: 64,
      maxInFlight: 100,
      idle: 10_000,
      life: 600_000,
    },
    limits: { flights: 10_000, upstreamSockets: 8_192 },
    resolvConf: '/etc/resolv.conf',
    publishResolvConf: undefined,
    routes: [],
    search: {
      mode: 'prove',
      suffixes: ['ci.svc.cluster.local.', 'svc.cluster.local.', 'cluster.local.', 'corp.example.'],
      ndots: 5,
      pin: [],
      keep: [],
      wildcardGuard: false,
      collapse: false,
    },
    cluster: { domain: 'cluster.local.' },
    families: { order: { kind: 'auto' }, repair: true, aaaa: 'pass' },
    cache: { octets: 16 * 2 ** 20, negativeOctets: 4 * 2 ** 20, minTtl: 0, maxTtl: 86_400 },
    hosts: undefined,
    status: { address: { address: '127.0.0.1', port: 9553 } },
    log: { level: 'info', format: 'auto' },
    shutdown: { lameduck: 0, grace: 1_000 },
  });
  t.same(serversIn(loaded), [['udp://10.96.0.10:53']]);
  t.same(loaded.notes, []);
  t.same([...loaded.origins.keys()].toSorted(), [...SETTING_KEYS].toSorted(), 'all have one');
  t.equal(originOf(loaded, 'upstreams'), 'default, from /etc/resolv.conf');
  t.equal(originOf(loaded, 'tcp.idle'), 'default');
  t.end();
});

test('`options use-vc` in resolv.conf means TCP, for its own servers alone (U2)', (t) => {
  const resolvConf = 'nameserver 10.96.0.10\nnameserver fd00::a\noptions ndots:5 use-vc\n';
  t.same(serversIn(loadSettings(sources({ resolvConf }))), [
    ['tcp://10.96.0.10:53'],
    ['tcp://[fd00::a]:53'],
  ]);
  const yaml = 'upstreams: [10.0.0.1]\n';
  t.same(serversIn(loadSettings(sources({ resolvConf, yaml }))), [['udp://10.0.0.1:53']]);
  t.end();
});

test('[::1] is listened on only where the machine has it (L1)', (t) => {
  const { settings } = loadSettings(sources({ machine: ['127.0.0.1'] }));
  t.same(settings.listen.addresses, [{ address: '127.0.0.1', port: 53 }]);
  t.end();
});

test('flags win over the environment, the environment over the file', (t) => {
  const yaml = 'log:\n  level: debug\nlisten:\n  addresses: 127.0.0.1:1\nhosts: /file\n';
  const loaded = loadSettings(
    sources({
      yaml,
      env: { SIDESTUB_LISTEN_ADDRESSES: '127.0.0.1:2', SIDESTUB_HOSTS: '/env' },
      flags: { listen: ['127.0.0.1:3', '127.0.0.1:4'] },
    }),
  );
  t.same(
    loaded.settings.listen.addresses.map(({ port }) => port),
    [3, 4],
  );
  t.equal(originOf(loaded, 'listen.addresses'), '--listen');
  t.equal(loaded.settings.hosts, '/env');
  t.equal(originOf(loaded, 'hosts'), 'env SIDESTUB_HOSTS');
  t.equal(loaded.settings.log.level, 'debug');
  t.equal(originOf(loaded, 'log.level'), `${FILE}:2`);
  t.end();
});

test('the environment names the file too, and the flag wins', (t) => {
  const files = { a: 'hosts: /a', b: 'hosts: /b' };
  const env = { SIDESTUB_CONFIG: 'a' };
  t.equal(loadSettings(sources({ files, env })).settings.hosts, '/a');
  t.equal(loadSettings(sources({ files, env, flags: { config: 'b' } })).settings.hosts, '/b');
  t.same(problemsOf(sources({ flags: { config: 'c' } })), ['c: no such file']);
  t.end();
});

test('UDP sockets are half of the files that may be open, shared by the upstreams (S1)', (t) => {
  const limits = (text: string) =>
    `Limit  Soft Limit  Hard Limit  Units\nMax open files  ${text}  files\n`;
  const socketsOf = (openFiles: string | undefined, flags = {}) => {
    const files = openFiles === undefined ? {} : { '/proc/self/limits': limits(openFiles) };
    return loadSettings(sources({ files, flags })).settings.limits.upstreamSockets;
  };
  t.equal(socketsOf('1024  4096'), 512);
  t.equal(socketsOf('64  64', { upstream: ['192.0.2.1', '192.0.2.2'] }), 16);
  t.equal(socketsOf('4  4'), 4, 'a handful in any case');
  t.equal(socketsOf('1048576  1048576'), 8_192);
  t.equal(socketsOf('unlimited  unlimited'), 8_192);
  t.equal(socketsOf(undefined), 8_192, 'no Linux');
  const in64MiB = loadSettings(sources({ memory: 64 * 2 ** 20 })).settings.limits;
  t.same(in64MiB, { flights: 1_024, upstreamSockets: 1_024 }, 'a small container');
  t.equal(loadSettings(sources({ memory: 2 ** 20 })).settings.limits.flights, 256);
  t.end();
});

test('a group of equals and an order are written differently (U1)', (t) => {
  const order = sources({ flags: { upstream: ['10.0.0.1', 'tcp://10.0.0.2:5353'] } });
  t.same(serversIn(loadSettings(order)), [['udp://10.0.0.1:53'], ['tcp://10.0.0.2:5353']]);
  const equals = sources({ flags: { upstream: ['10.0.0.1,10.0.0.2'] } });
  t.same(serversIn(loadSettings(equals)), [['udp://10.0.0.1:53', 'udp://10.0.0.2:53']]);
  const yaml = 'upstreams:\n  - [10.0.0.1, 10.0.0.2]\n  - 10.0.0.3\n';
  t.same(serversIn(loadSettings(sources({ yaml }))), [
    ['udp://10.0.0.1:53', 'udp://10.0.0.2:53'],
    ['udp://10.0.0.3:53'],
  ]);
  t.end();
});

test('a zone has its upstreams from the file or in one word (U1)', (t) => {
  const wanted = [
    {
      zone: 'corp.example.',
      upstreams: [[{ name: 'udp://10.1.0.1:53' }, { name: 'udp://10.1.0.2:53' }]],
    },
  ];
  const yaml = 'routes:\n  - zone: Corp.example\n    upstreams: [[10.1.0.1, 10.1.0.2]]\n';
  t.match(loadSettings(sources({ yaml })).settings.routes, wanted);
  const env = { SIDESTUB_ROUTES: 'corp.example=10.1.0.1,10.1.0.2' };
  t.match(loadSettings(sources({ env })).settings.routes, wanted);
  t.end();
});

test('lanes go serial, staggered or parallel (F2)', (t) => {
  const orderOf = (order: string) =>
    loadSettings(sources({ env: { SIDESTUB_FAMILIES_ORDER: order } })).settings.families.order;
  t.same(orderOf('parallel'), { kind: 'parallel' });
  t.same(orderOf('staggered:20ms'), { kind: 'staggered', delay: 20 });
  for (const order of [
    'staggered',
    'staggered:',
    'staggered:1h',
    'staggered:0',
    'staggered:1ms:2',
    'both',
  ]) {
    t.equal(problemsOf(sources({ env: { SIDESTUB_FAMILIES_ORDER: order } })).length, 1, order);
  }
  t.end();
});

test('`off` takes away what a file or a default gives', (t) => {
  const yaml = 'hosts: /etc/hosts\npublishResolvConf: /run/resolv.conf\n';
  const env = {
    SIDESTUB_HOSTS: 'off',
    SIDESTUB_PUBLISH_RESOLV_CONF: 'off',
    SIDESTUB_CLUSTER_DOMAIN: 'off',
    SIDESTUB_SEARCH_SUFFIXES: 'off',
  };
  const { settings } = loadSettings(sources({ yaml, env, flags: { metrics: 'off' } }));
  t.equal(settings.hosts, undefined);
  t.equal(settings.publishResolvConf, undefined);
  t.equal(settings.cluster.domain, undefined);
  t.equal(settings.status.address, undefined);
  t.same(settings.search.suffixes, []);
  t.end();
});

test('every problem of every source is listed at once, with its place (S3)', (t) => {
  const yaml = `tcp:
  idle: 10
  maxConections: 3
cache: { octets: 1KiB, maxTtl: 1500ms }
search: { mode: wonder, ndots: 16 }
upstreams: [10.0.0.1, [10.0.0.2, sctp://10.0.0.3]]
routes:
  - { zone: a..b, upstreams: [10.0.0.4] }
  - { zoen: b, upstreams: [] }
hosts:
`;
  const env = { SIDESTUB_LOG_LEVEL: 'loud', SIDESTUB_TPC_IDLE: '1s' };
  t.match(problemsOf(sources({ yaml, env, flags: { metrics: 'localhost' } })), [
    `${FILE}:3:3: unknown key: tcp.maxConections (did you mean maxConnections?)`,
    `${FILE}:2:9: tcp.idle: not a duration such as 250ms, 5s or 10m: "10"`,
    `${FILE}:4:18: cache.octets: must be 64KiB to 2GiB: 1KiB`,
    `${FILE}:4:32: cache.maxTtl: not whole seconds: 1500ms`,
    `${FILE}:5:17: search.mode: not prove, assume or off: "wonder"`,
    `${FILE}:5:32: search.ndots: must be 0 to 15: 16`,
    /^sidestub\.yaml:6:34: upstreams: upstream has an unknown scheme/,
    `${FILE}:8:13: routes: empty label in name: a..b`,
    `${FILE}:9:5: routes: route without zone`,
    `${FILE}:9:27: routes: no server in the list`,
    `${FILE}:9:7: routes: unknown key: zoen (did you mean zone?)`,
    `${FILE}:10:7: hosts: no value, not path of a file`,
    'env SIDESTUB_TPC_IDLE: unknown variable (did you mean SIDESTUB_TCP_IDLE?)',
    'env SIDESTUB_LOG_LEVEL: log.level: not debug, info, warn or error: "loud"',
    '--metrics: status.address: not an address such as 127.0.0.1:9553 or [::1]: "localhost"',
  ]);
  t.end();
});

test('a value that is overridden is checked all the same', (t) => {
  const yaml = 'listen:\n  addresses: [localhost]\n';
  t.match(problemsOf(sources({ yaml, flags: { listen: ['127.0.0.1'] } })), [
    `${FILE}:2:15: listen.addresses: not an address`,
  ]);
  t.end();
});

test('values that contradict each other are a problem where they were set', (t) => {
  t.same(problemsOf(sources({ yaml: 'cache: { minTtl: 1h, maxTtl: 1m }' })), [
    `${FILE}:1:18: cache.minTtl: above cache.maxTtl: 3600s > 60s`,
  ]);
  t.same(problemsOf(sources({ flags: { listen: ['127.0.0.1', '127.0.0.1:53'] } })), [
    '--listen: listen.addresses: listed twice: 127.0.0.1:53',
  ]);
  t.match(problemsOf(sources({ flags: { 'publish-resolv-conf': '/etc/../etc/resolv.conf' } })), [
    /^--publish-resolv-conf: publishResolvConf: is the file that the upstreams are read from/,
  ]);
  const elsewhere = { listen: ['127.0.0.1:5353'], 'publish-resolv-conf': '/run/resolv.conf' };
  t.match(problemsOf(sources({ flags: elsewhere })), [/needs a listen address with port 53/]);
  t.end();
});

test('a resolv.conf is needed only for upstreams that nobody named', (t) => {
  const without = { resolvConf: undefined };
  t.match(problemsOf(sources(without)), [
    /^\/etc\/resolv\.conf: no such file; name the servers to ask with --upstream/,
  ]);
  const named = loadSettings(sources({ ...without, flags: { upstream: ['10.0.0.1'] } }));
  t.same(serversIn(named), [['udp://10.0.0.1:53']]);
  t.match(named.notes, [
    { place: '/etc/resolv.conf', reason: 'no such file: no default search list' },
  ]);
  t.match(problemsOf(sources({ resolvConf: 'search a' })), [
    /^\/etc\/resolv\.conf: names no nameserver;/,
  ]);
  t.end();
});

test('a resolv.conf whose nameservers cannot be read: each line with its reason', (t) => {
  const resolvConf = '\ufeffnameserver 10.0.0.10\nnameserver 10.0.0.11:53\nnameserver dns.corp\n';
  t.match(problemsOf(sources({ resolvConf })), [
    '/etc/resolv.conf:1: ignored, as libc does: it begins with a byte order mark (U+FEFF)',
    /^\/etc\/resolv\.conf:2: nameserver is not an address: 10\.0\.0\.11:53: no port can stand here/,
    '/etc/resolv.conf:3: nameserver is not an address: dns.corp',
    /^\/etc\/resolv\.conf: names no nameserver; name the servers/,
  ]);
  t.end();
});

test('a list with commas is refused, and what separates is named (S3)', (t) => {
  const separated =
    'white space separates the values of a list, in YAML they are a list, and a flag is repeated';
  for (const [name, key, value] of [
    ['SIDESTUB_SEARCH_SUFFIXES', 'search.suffixes', 'a,b'],
    ['SIDESTUB_SEARCH_PIN', 'search.pin', 'git.example.com;b'],
    ['SIDESTUB_READY_NAMES', 'ready.names', 'a,'],
    ['SIDESTUB_LISTEN_ADDRESSES', 'listen.addresses', '127.0.0.1:53,[::1]:53'],
    ['SIDESTUB_LISTEN_ALLOW', 'listen.allow', '10.0.0.0/8,192.0.2.1'],
    ['SIDESTUB_SEARCH_PUBLIC', 'search.public', 'com,net'],
  ] as const) {
    t.same(problemsOf(sources({ env: { [name]: value } })), [
      `env ${name}: ${key}: ${JSON.stringify(value)}: ${separated}`,
    ]);
  }
  t.same(problemsOf(sources({ flags: { listen: ['127.0.0.1,::1'] } })), [
    `--listen: listen.addresses: "127.0.0.1,::1": ${separated}`,
  ]);
  t.same(problemsOf(sources({ yaml: 'search: { pin: ["a,b"] }' })), [
    `${FILE}:1:17: search.pin: "a,b": ${separated}`,
  ]);
  const env = { SIDESTUB_SEARCH_SUFFIXES: 'a.example  b.example\n' };
  t.same(loadSettings(sources({ env })).settings.search.suffixes, ['a.example.', 'b.example.']);
  t.end();
});

test('no setting is longer than a timer can wait: 25 days are refused with their place (S3)', (t) => {
  const durations = SETTING_KEYS.filter((key) => settingOf(key).kind.allowed.includes('duration'));
  t.ok(durations.length >= 5);
  for (const key of durations) {
    const name = environmentName(key);
    t.match(problemsOf(sources({ env: { [name]: '25d' } })), [
      new RegExp(`^env ${name}: ${key}: `),
    ]);
  }
  t.match(problemsOf(sources({ env: { SIDESTUB_FAMILIES_ORDER: 'staggered:25d' } })), [
    /^env SIDESTUB_FAMILIES_ORDER: families\.order: delay must be/,
  ]);
  t.end();
});

test('a YAML file may begin with a byte order mark and have CRLF', (t) => {
  const yaml = '\ufefftcp:\r\n  idle: 7s\r\n';
  t.equal(loadSettings(sources({ yaml })).settings.tcp.idle, 7_000);
  t.end();
});

test('upstreams that were meant to be set are not asked of resolv.conf', (t) => {
  const without = { resolvConf: undefined };
  t.equal(problemsOf(sources({ ...without, flags: { upstream: ['dns'] } })).length, 1);
  t.equal(problemsOf(sources({ ...without, yaml: 'upstreams: [' })).length, 1);
  t.end();
});

test('the first three nameservers are asked, in order (U1)', (t) => {
  const resolvConf = [1, 2, 3, 4].map((n) => `nameserver 10.0.0.${n}\n`).join('');
  const loaded = loadSettings(sources({ resolvConf }));
  t.same(serversIn(loaded), [['udp://10.0.0.1:53'], ['udp://10.0.0.2:53'], ['udp://10.0.0.3:53']]);
  t.match(loaded.notes, [{ place: '/etc/resolv.conf:4', reason: /more than 3 nameservers/ }]);
  t.end();
});

test('an upstream that is ourselves is refused where it was named (U1)', (t) => {
  t.match(problemsOf(sources({ flags: { upstream: ['10.0.0.1,127.0.0.1'] } })), [
    /^--upstream: upstreams: udp:\/\/127\.0\.0\.1:53 is sidestub itself, which listens on 127\.0\.0\.1:53$/,
  ]);
  const yaml = `listen: { addresses: 0.0.0.0:53 }
upstreams:
  - 10.0.0.1
  - [10.0.0.2, tcp://10.1.2.3]
routes:
  - zone: a.example
    upstreams:
      - 127.0.0.1
`;
  t.match(problemsOf(sources({ yaml })), [
    /^sidestub\.yaml:4:16: upstreams: tcp:\/\/10\.1\.2\.3:53 is sidestub itself/,
    /^sidestub\.yaml:8:9: routes: udp:\/\/127\.0\.0\.1:53 is sidestub itself/,
  ]);
  t.end();
});

test('a resolv.conf that names only us is refused and says what to do (U1)', (t) => {
  const resolvConf = 'nameserver 127.0.0.1\n';
  t.match(problemsOf(sources({ resolvConf })), [
    /^\/etc\/resolv\.conf: nameserver udp:\/\/127\.0\.0\.1:53 is sidestub itself.*--upstream.*--resolv-conf$/,
  ]);
  const elsewhere = sources({ resolvConf, flags: { listen: ['127.0.0.1:5353'] } });
  t.same(problemsOf(elsewhere), [], 'another port is another server');
  const client = { ...sources({ resolvConf }), needsUpstreams: false };
  t.same(problemsOf(client), [], 'whoever asks the daemon reads the same file');
  t.end();
});

test('a resolv.conf that names us first means the others for us (U1)', (t) => {
  const resolvConf = 'nameserver 127.0.0.1\nnameserver 10.96.0.10\n';
  t.same(serversIn(loadSettings(sources({ resolvConf }))), [['udp://10.96.0.10:53']]);
  t.end();
});

test('the cluster zone is what follows svc. in the suffixes (N1)', (t) => {
  const zoneOf = (search: string) =>
    loadSettings(sources({ resolvConf: `nameserver 10.0.0.1\nsearch ${search}\n` })).settings
      .cluster.domain;
  t.equal(zoneOf('ns.svc.k8s.corp.example svc.k8s.corp.example'), 'k8s.corp.example.');
  t.equal(zoneOf('corp.example svc.cluster.local'), 'cluster.local.');
  t.equal(zoneOf('corp.example'), undefined);
  t.equal(zoneOf('svc'), undefined, 'nothing follows');
  t.equal(zoneOf('a.b.svc.cluster.local'), undefined, 'no namespace has a dot');
  t.equal(zoneOf('.'), undefined);
  const env = { SIDESTUB_SEARCH_SUFFIXES: 'svc.other.example' };
  t.equal(loadSettings(sources({ env })).settings.cluster.domain, 'other.example.');
  t.end();
});

test('a second cluster zone is noted', (t) => {
  const resolvConf = 'nameserver 10.0.0.1\nsearch a.svc.one.example a.svc.two.example\n';
  const { settings, notes } = loadSettings(sources({ resolvConf }));
  t.equal(settings.cluster.domain, 'one.example.');
  t.match(notes, [{ place: 'search.suffixes', reason: /^two\.example\. looks like a second/ }]);
  t.end();
});

test('ndots is read as libc reads it, and the difference noted (M1)', (t) => {
  const read = (options: string) =>
    loadSettings(sources({ resolvConf: `nameserver 10.0.0.1\n${options}\n` }));
  t.equal(read('').settings.search.ndots, 1);
  t.equal(read('options ndots:2').settings.search.ndots, 2);
  const capped = read('options ndots:20');
  t.equal(capped.settings.search.ndots, 15);
  t.match(capped.notes, [{ reason: 'ndots:20 is 15, as in libc' }]);
  t.equal(read('options ndots:x').settings.search.ndots, 0, 'what atoi makes of it');
  t.equal(read('options ndots: 5').settings.search.ndots, 5, 'atoi steps over blanks');
  t.equal(read('options ndots 5').settings.search.ndots, 1, 'without a colon it is no option');
  t.end();
});

test('a list of upstreams or routes past its bound is refused, not cut (S1, S3)', (t) => {
  const servers = (count: number) => Array.from({ length: count }, (_, n) => `10.9.0.${n}`);
  const groups = { SIDESTUB_UPSTREAMS: servers(17).join(' ') };
  t.match(problemsOf(sources({ env: groups })), [/upstreams: 17 groups, must be at most 16/]);
  const equals = { SIDESTUB_UPSTREAMS: servers(17).join(',') };
  t.match(problemsOf(sources({ env: equals })), [/upstreams: 17 equals, must be at most 16/]);
  const twice = { SIDESTUB_ROUTES: 'a.example=10.0.0.1 A.example.=10.0.0.2' };
  t.match(problemsOf(sources({ env: twice })), [/routes: zone has a route already/]);
  t.end();
});

test('whatever a file or a variable holds, the answer is settings or problems with a place', (t) => {
  const leaf = fc.oneof(
    fc.string({ unit: 'binary-ascii', maxLength: 30 }),
    fc.constantFrom(
      'a.example\nb',
      '10.0.0.1',
      '5s',
      '16MiB',
      'off',
      'a.example',
      '127.0.0.1:53',
      'A=B',
      ',',
    ),
  );
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.constantFrom('zone', 'upstreams', 'x'), tie('value'), { maxKeys: 3 }),
    ),
  })).value;
  const key = fc.constantFrom(...SETTING_KEYS);
  const yaml = fc.oneof(
    fc.tuple(key, value).map(([path, written]) => {
      const [section = '', word] = path.split('.');
      return JSON.stringify(
        word === undefined ? { [section]: written } : { [section]: { [word]: written } },
      );
    }),
    fc.string(),
  );
  const env = fc.dictionary(fc.constantFrom('SIDESTUB_UPSTREAMS', 'SIDESTUB_ROUTES'), leaf);
  // Whatever `resolvConf` names is there, or the place of a problem would be that name.
  const readFile = (text: string) => (path: string) => (path === FILE ? text : POD_RESOLV_CONF);
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(yaml, env, (text, variables) =>
        problemsOf(sources({ yaml: text, env: variables, readFile: readFile(text) })).every(
          (problem) => /^(sidestub\.yaml(:\d+:\d+)?|env SIDESTUB_[A-Z]+|default): /.test(problem),
        ),
      ),
      { numRuns: 500 },
    ),
  );
  t.end();
});
