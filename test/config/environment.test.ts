import { test } from 'tap';
import { environmentLayer } from '../../src/config/environment.ts';

const namesIn = (env: Record<string, string>) =>
  environmentLayer(env).problems.map(({ place }) => place);

test('a variable sets its setting', (t) => {
  const { entries, problems } = environmentLayer({ SIDESTUB_TCP_IDLE: '5s', HOME: '/' });
  t.match(entries, [
    { key: 'tcp.idle', written: '5s', origin: { kind: 'environment', name: 'SIDESTUB_TCP_IDLE' } },
  ]);
  t.equal(entries.length, 1);
  t.same(problems, []);
  t.end();
});

test('an empty variable is not set: a manifest cannot take one away', (t) => {
  const { entries, problems } = environmentLayer({ SIDESTUB_TCP_IDLE: '', SIDESTUB_TPC_IDLE: '' });
  t.same([entries, problems], [[], []]);
  t.end();
});

test('a mistyped variable is a problem with a suggestion (S3)', (t) => {
  const { problems } = environmentLayer({ SIDESTUB_UPSTREAM: '10.0.0.1' });
  t.same(problems, [
    {
      place: 'env SIDESTUB_UPSTREAM',
      reason: 'unknown variable (did you mean SIDESTUB_UPSTREAMS?)',
    },
  ]);
  t.end();
});

test('what Kubernetes sets for a service called sidestub is nobody’s mistake', (t) => {
  const links = {
    SIDESTUB_SERVICE_HOST: '10.96.1.1',
    SIDESTUB_SERVICE_PORT: '53',
    SIDESTUB_SERVICE_PORT_DNS_TCP: '53',
    SIDESTUB_PORT: 'udp://10.96.1.1:53',
    SIDESTUB_PORT_53_UDP: 'udp://10.96.1.1:53',
    SIDESTUB_PORT_53_UDP_PROTO: 'udp',
    SIDESTUB_PORT_53_UDP_PORT: '53',
    SIDESTUB_PORT_53_UDP_ADDR: '10.96.1.1',
    SIDESTUB_METRICS_SERVICE_HOST: '10.96.1.2',
    SIDESTUB_METRICS_PORT_9553_TCP: 'tcp://10.96.1.2:9553',
  };
  t.same(namesIn(links), []);
  t.same(namesIn({ SIDESTUB_PORTS: '53' }), ['env SIDESTUB_PORTS']);
  t.end();
});

test('the variable of the configuration file is no setting', (t) => {
  t.same(environmentLayer({ SIDESTUB_CONFIG: 'a.yaml' }), { entries: [], problems: [] });
  t.end();
});
