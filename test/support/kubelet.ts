import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Milliseconds } from '../../src/clock.ts';
import type { ContainerEngine } from './container-engine.ts';
import { atEnd } from './lab-end.ts';
import type { Exit, LabProcess } from './lab-process.ts';

// As much of kubelet and its runtime as a pod with sidestub meets: what the manifest says becomes podman's flags here, so
// that it is the manifest that is tested. podman's own `play kube` ignores a pod's sysctls, and waits for native sidecars
// to end.

/** A pod, as far as this kubelet reads it. */
export interface PodManifest {
  readonly spec: {
    readonly securityContext?: { readonly sysctls?: readonly Named[] };
    readonly dnsPolicy?: string;
    readonly dnsConfig?: {
      readonly nameservers: readonly string[];
      readonly searches: readonly string[];
      readonly options: readonly Named[];
    };
    readonly volumes?: readonly { readonly name: string; readonly emptyDir?: object }[];
    readonly initContainers: readonly ContainerManifest[];
    readonly containers: readonly ContainerManifest[];
  };
}

interface Named {
  readonly name: string;
  readonly value: string;
}

export interface ContainerManifest {
  readonly name: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } };
  }[];
  readonly lifecycle?: { readonly postStart: { readonly exec: { readonly command: string[] } } };
  readonly ports?: readonly { readonly containerPort: number }[];
  readonly volumeMounts?: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly subPath?: string;
    readonly readOnly?: boolean;
  }[];
  readonly securityContext?: {
    readonly runAsUser?: number;
    readonly allowPrivilegeEscalation?: boolean;
    readonly readOnlyRootFilesystem?: boolean;
    readonly capabilities?: { readonly drop: readonly string[] };
    /** `Localhost` is a file of docker/ here, which the node's operator has put below kubelet's own folder. */
    readonly seccompProfile?: { readonly type: string; readonly localhostProfile?: string };
  };
  readonly resources?: { readonly limits?: { readonly memory?: string } };
}

/** Where a pod is to run. */
export interface Node {
  readonly engine: ContainerEngine;
  /** The network namespace that is the pod's sandbox, and its address. */
  readonly sandbox: string;
  readonly podIp: string;
  /** The namespace that probes come from. */
  readonly network: string;
  /** What kubelet makes of `dnsPolicy: ClusterFirst`. */
  readonly resolvConf: string;
  /** The root file system of every container that is not the sidecar. */
  readonly jobRoot: string;
}

/** A container that runs, or has run. */
export interface Running extends LabProcess {
  readonly podmanName: string;
  /** What it has written, line by line. */
  readonly lines: readonly string[];
  /** What it left at /dev/termination-log. */
  terminationMessage(): string;
  /** The process in it, as the machine numbers it. */
  hostPid(): number;
  /** A signal to its first process, as the runtime sends it. */
  signal(name: 'TERM' | 'KILL'): void;
}

/** Kubelet's least, for a sidecar whose pod has used its grace up. */
const LEAST_GRACE: Milliseconds = 2_000;

let pods = 0;

/** A pod on a node, with nothing in it running yet. */
export class KubeletPod {
  private readonly manifest: PodManifest;
  private readonly node: Node;
  private readonly folder: string;
  private readonly name = `sidestub-${process.pid}-${++pods}`;
  private readonly started: Running[] = [];
  private readonly forget: () => void;

  constructor(manifest: PodManifest, node: Node) {
    this.manifest = manifest;
    this.node = node;
    this.folder = mkdtempSync(join(tmpdir(), 'sidestub-pod-'));
    this.forget = atEnd(() => this.unmount());
    for (const { name, value } of manifest.spec.securityContext?.sysctls ?? [])
      this.sysctl(name, value);
    for (const { name, emptyDir } of manifest.spec.volumes ?? []) {
      if (emptyDir === undefined) throw new Error(`volume ${name} is no emptyDir`);
      const path = this.volume(name);
      mkdirSync(path);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=777', 'sidestub', path]);
    }
    writeFileSync(join(this.folder, 'resolv.conf'), this.resolvConf());
  }

  /** Starts an init container that stays, and waits for its postStart hook. @throws {Error} When that fails. */
  async startSidecar(): Promise<Running> {
    const [container] = this.manifest.spec.initContainers;
    if (container === undefined) throw new Error('the pod has no sidecar');
    const sidecar = this.start(container, [this.node.engine.image]);
    await this.untilStarted(container, sidecar);
    return sidecar;
  }

  /** Starts the sidecar, which is expected to end. */
  startFailing(): Running {
    const [container] = this.manifest.spec.initContainers;
    if (container === undefined) throw new Error('the pod has no sidecar');
    return this.start(container, [this.node.engine.image]);
  }

  /**
   * Starts a container of the pod.
   *
   * @param command - In place of the manifest's: its input stays open.
   */
  startContainer(name: string, command?: readonly string[]): Running {
    const container = this.manifest.spec.containers.find((each) => each.name === name);
    if (container === undefined) throw new Error(`the pod has no container ${name}`);
    const chosen = command === undefined ? container : { ...container, command };
    return this.start(chosen, ['--rootfs', this.node.jobRoot]);
  }

  /** Ends the pod as kubelet does: all others first, and the sidecar with what is left. */
  async end(): Promise<void> {
    for (const running of this.started.splice(0).reverse()) {
      running.signal('TERM');
      const ended = await Promise.race([running.exited, wait(LEAST_GRACE)]);
      if (ended === undefined) running.signal('KILL');
      await running.exited;
    }
    this.sysctl('net.ipv4.ip_unprivileged_port_start', '1024');
    this.unmount();
    this.forget();
  }

  private start(container: ContainerManifest, image: readonly string[]): Running {
    const podmanName = `${this.name}-${container.name}-${this.started.length}`;
    const terminationLog = join(this.folder, `${podmanName}.log`);
    writeFileSync(terminationLog, '', { mode: 0o666 });
    execFileSync('chmod', ['666', terminationLog]);
    const { command = [], args = [] } = container;
    const words = [
      'run',
      '--rm',
      '--interactive',
      '--no-healthcheck',
      `--name=${podmanName}`,
      `--network=ns:/run/netns/${this.node.sandbox}`,
      `--volume=${terminationLog}:/dev/termination-log`,
      ...this.mounts(container),
      ...this.environment(container),
      ...security(container),
      ...image,
      ...[...command, ...args].map((word) => this.expand(word)),
    ];
    const lines: string[] = [];
    const child = this.node.engine.start(words, (line) => lines.push(line));
    const { run } = this.node.engine;
    let ended = false;
    void child.exited.then(() => {
      ended = true;
    });
    const running: Running = {
      ...child,
      podmanName,
      lines,
      terminationMessage: () => readFileSync(terminationLog, 'utf8'),
      hostPid: () => Number(run('inspect', '--format={{.State.Pid}}', podmanName)),
      signal: (name) => {
        if (!ended) run('kill', `--signal=${name}`, podmanName);
      },
    };
    this.started.push(running);
    return running;
  }

  private mounts({ volumeMounts = [] }: ContainerManifest): string[] {
    const own = volumeMounts.some(({ mountPath }) => mountPath === '/etc/resolv.conf');
    const fromKubelet = own
      ? []
      : [`--volume=${join(this.folder, 'resolv.conf')}:/etc/resolv.conf`];
    return [
      ...fromKubelet,
      ...volumeMounts.map(({ name, mountPath, subPath = '', readOnly }) => {
        const source = join(this.volume(name), subPath);
        if (!existsSync(source)) throw new Error(`kubelet would make a folder of ${subPath}`);
        return `--volume=${source}:${mountPath}${readOnly === true ? ':ro' : ''}`;
      }),
    ];
  }

  private environment({ env = [] }: ContainerManifest): string[] {
    return env.map(({ name, value, valueFrom }) => {
      if (valueFrom === undefined) return `--env=${name}=${this.expand(value ?? '')}`;
      if (valueFrom.fieldRef.fieldPath !== 'status.podIP') throw new Error(`no field for ${name}`);
      return `--env=${name}=${this.node.podIp}`;
    });
  }

  /** `$(NAME)`, the one reference that the manifests make. */
  private expand(text: string): string {
    return text.replaceAll('$(POD_IP)', this.node.podIp);
  }

  private resolvConf(): string {
    const { dnsPolicy, dnsConfig } = this.manifest.spec;
    if (dnsPolicy !== 'None' || dnsConfig === undefined) return this.node.resolvConf;
    const { nameservers, searches, options } = dnsConfig;
    return [
      ...nameservers.map((address) => `nameserver ${address}`),
      `search ${searches.join(' ')}`,
      `options ${options.map(({ name, value }) => `${name}:${value}`).join(' ')}`,
      '',
    ].join('\n');
  }

  /** The hook, as kubelet runs it: beside the first process, from the moment that it has been started. */
  private async untilStarted({ lifecycle }: ContainerManifest, sidecar: Running): Promise<void> {
    if (lifecycle === undefined) throw new Error('the sidecar has no postStart hook');
    const { engine } = this.node;
    let ended: Exit | undefined;
    void sidecar.exited.then((exit) => {
      ended = exit;
    });
    while (!isRunning(engine, sidecar)) {
      if (ended !== undefined) throw new Error(`the sidecar ended: ${ended.stderr}`);
      await wait(20);
    }
    const words = ['exec', sidecar.podmanName, ...lifecycle.postStart.exec.command];
    const hook = engine.start(words, () => undefined);
    const { code, stderr } = await hook.exited;
    if (code !== 0) throw new Error(`the postStart hook failed: ${stderr}${ended?.stderr ?? ''}`);
  }

  private volume(name: string): string {
    return join(this.folder, `volume-${name}`);
  }

  private sysctl(name: string, value: string): void {
    const path = `/proc/sys/${name.replaceAll('.', '/')}`;
    const script = `echo ${value} > ${path}`;
    execFileSync('ip', ['netns', 'exec', this.node.sandbox, 'sh', '-ec', script]);
  }

  private unmount(): void {
    for (const { name } of this.manifest.spec.volumes ?? []) {
      spawnSync('umount', ['--lazy', this.volume(name)], { stdio: 'ignore' });
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function isRunning({ run }: ContainerEngine, { podmanName }: Running): boolean {
  const words = ['ps', '--noheading', '--format={{.Names}}', `--filter=name=^${podmanName}$`];
  return run(...words).trim() === podmanName;
}

function security({ securityContext: context = {}, resources }: ContainerManifest): string[] {
  const memory = resources?.limits?.memory;
  const { localhostProfile } = context.seccompProfile ?? {};
  return [
    ...(context.runAsUser === undefined ? [] : [`--user=${context.runAsUser}`]),
    ...(context.capabilities?.drop ?? []).map((name) => `--cap-drop=${name}`),
    ...(context.allowPrivilegeEscalation === false ? ['--security-opt=no-new-privileges'] : []),
    // Nothing is writable then but what the manifest mounts.
    ...(context.readOnlyRootFilesystem === true ? ['--read-only', '--read-only-tmpfs=false'] : []),
    ...(memory === undefined ? [] : [`--memory=${memory.replace(/Mi$/, 'm')}`]),
    ...(localhostProfile === undefined
      ? []
      : [`--security-opt=seccomp=${profile(localhostProfile)}`]),
  ];
}

function profile(name: string): string {
  return join(import.meta.dirname, '../../docker', name);
}
