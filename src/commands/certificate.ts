import {
  type ClusterAccess,
  ClusterApiError,
  callCluster,
  clusterAccess,
} from '../kubernetes/certificate/cluster-api.ts';
import { renew, type SecretData } from '../kubernetes/certificate/renew.ts';
import {
  type Command,
  type CommandContext,
  ExitCode,
  isSet,
  textFlag,
  UsageError,
} from './command.ts';

/** Makes and renews the certificate of the webhook, in a pod of its cluster. */
export const command: Command = {
  summary: 'make or renew the certificate of the webhook, in a pod',
  usage: `sidestub certificate [--secret NAME] [--webhook NAME] [--service NAME]

Makes a certificate for the webhook where its Secret has none, and a new one in the last third of
its 90 days; with --dry-run it says what it would do. First the API server is told to trust the
new authority beside the one before, then the Secret is written: no pod is missed in between.
It needs to read and patch this one Secret and this one MutatingWebhookConfiguration, which both
have to be there; k8s/injector/certs/job has the roles. Exit code 1 when the API server refuses.

  sidestub certificate --secret sidestub-injector-tls`,
  options: {
    secret: { type: 'string', hint: 'NAME', meaning: 'the Secret (sidestub-injector-tls)' },
    webhook: {
      type: 'string',
      hint: 'NAME',
      meaning: 'the MutatingWebhookConfiguration (sidestub-injector)',
    },
    service: { type: 'string', hint: 'NAME', meaning: 'the Service (sidestub-injector)' },
    'service-account': {
      type: 'string',
      hint: 'FOLDER',
      meaning: 'token, ca.crt and namespace (/var/run/secrets/kubernetes.io/serviceaccount)',
    },
    'dry-run': { type: 'boolean', meaning: 'writes nothing' },
  },
  main,
};

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

async function main(context: CommandContext): Promise<number> {
  const { flags, positionals, stdout, stderr, env } = context;
  if (positionals.length > 0) throw new UsageError(`unexpected argument: ${positionals[0]}`);
  try {
    const access = clusterAccess(env, textFlag(flags, 'service-account') ?? SERVICE_ACCOUNT);
    const names = {
      secret: textFlag(flags, 'secret') ?? 'sidestub-injector-tls',
      webhook: textFlag(flags, 'webhook') ?? 'sidestub-injector',
      service: textFlag(flags, 'service') ?? 'sidestub-injector',
    };
    stdout.write(`${await keep(access, names, isSet(flags, 'dry-run'))}\n`);
    return ExitCode.OK;
  } catch (error) {
    if (!(error instanceof ClusterApiError)) throw error;
    stderr.write(`sidestub: ${error.message}\n`);
    return ExitCode.FAILURE;
  }
}

interface Names {
  readonly secret: string;
  readonly webhook: string;
  readonly service: string;
}

interface Secret {
  readonly metadata: { readonly resourceVersion: string };
  readonly data?: Readonly<Record<string, string>>;
}

interface WebhookConfiguration {
  readonly metadata: { readonly resourceVersion: string };
  readonly webhooks: readonly { readonly clientConfig: { readonly caBundle?: string } }[];
}

/** @returns What was done, in a sentence. */
async function keep(access: ClusterAccess, names: Names, dryRun: boolean): Promise<string> {
  const { namespace } = access;
  const secretPath = `/api/v1/namespaces/${namespace}/secrets/${names.secret}`;
  const webhookPath = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${names.webhook}`;
  const secret = (await callCluster(access, secretPath)) as Secret;
  const service = `${names.service}.${namespace}.svc`;
  const { bundle, secret: renewed, until } = renew(decoded(secret), [service], new Date());
  const day = until.toISOString().slice(0, 10);
  const configuration = (await callCluster(access, webhookPath)) as WebhookConfiguration;
  const caBundle = Buffer.from(bundle).toString('base64');
  const trusted = configuration.webhooks.every((each) => each.clientConfig.caBundle === caBundle);
  if (!trusted && !dryRun) {
    const { resourceVersion } = configuration.metadata;
    // A merge patch replaces a list as a whole. The resource version makes it fail when another client has changed it.
    const webhooks = configuration.webhooks.map((each) => ({
      ...each,
      clientConfig: { ...each.clientConfig, caBundle },
    }));
    await callCluster(access, webhookPath, { metadata: { resourceVersion }, webhooks });
  }
  if (renewed === undefined) {
    return trusted
      ? `the certificate of ${service} is good until ${day}`
      : `the certificate of ${service} is good until ${day}; its authority was not trusted, and is now`;
  }
  if (!dryRun) {
    const { resourceVersion } = secret.metadata;
    await callCluster(access, secretPath, {
      metadata: { resourceVersion },
      data: encoded(renewed),
    });
  }
  return `${dryRun ? 'would make' : 'made'} a certificate for ${service}, good until ${day}`;
}

function decoded({ data = {} }: Secret): SecretData {
  return mapped(data, (value) => Buffer.from(value, 'base64').toString());
}

function encoded(data: SecretData): SecretData {
  return mapped(data, (value) => Buffer.from(value).toString('base64'));
}

function mapped(data: SecretData, change: (value: string) => string): SecretData {
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, change(value)]));
}
