/** What a service manager is told. @see sd_notify(3) */
export type ServiceState = 'READY=1' | 'STOPPING=1';

/**
 * Tells systemd how the service is, where it asks for that (`Type=notify`, `NotifyAccess=all`).
 *
 * Node has no AF_UNIX datagram sockets, so a child says it; without `NOTIFY_SOCKET` none is started.
 *
 * @param onFailure - Called where it could not be told: systemd would then take the start for failed.
 */
export function tellService(
  state: ServiceState,
  env: Readonly<Record<string, string | undefined>>,
  onFailure: (reason: string) => void,
): void {
  if ((env['NOTIFY_SOCKET'] ?? '') === '') return;
  const { execFile } = process.getBuiltinModule('node:child_process');
  execFile('systemd-notify', [state], { env: { ...env } }, (error) => {
    if (error !== null) onFailure(error.message);
  });
}
